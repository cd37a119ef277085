/** People who walk farther than this are followed, metres. */
const WALKS = 1;
const GRID_CELL = 0.5;
const GRID_REACH = 4;
const MOST_TRACK_POINTS = 800;

/** The drawing in three dimensions: floor, shadows, tracks and people. */
class SpaceView {
  constructor(panel, recording, palette, changed) {
    this.recording = recording;
    this.palette = palette;
    this.changed = changed;
    this.camera = new OrbitCamera();
    this.canvas = panel.querySelector("canvas");
    this.measure();
    this.context = fitCanvas(this.canvas, changed);
    listenToGestures(this.canvas, this.gestures());
  }

  gestures() {
    const { camera } = this;
    const acts = (act) => (...numbers) => {
      camera.stop();
      act(...numbers);
      this.onMoved();
      this.changed();
    };
    return {
      turn: acts((dx, dy) => camera.turn(dx, dy)),
      move: acts((dx, dy) => camera.move(dx, dy)),
      zoom: acts((factor) => camera.zoomBy(factor)),
      reset: () => this.show("first"),
      hover: (x, y) => this.onHover(nearest(this.joints, x, y)),
      leave: () => this.onHover(null),
    };
  }

  show(view) {
    this.camera.goTo(VIEWS[view], this.changed);
    this.onView(view);
  }

  /** Finds the room that the people take, and the path of their middle. */
  measure() {
    const { recording } = this;
    this.path = Array.from({ length: recording.length }, (_, index) => {
      const hips = [];
      for (const person of recording.people) {
        const row = person.rowOf[index];
        if (row >= 0) hips.push(person.point(row, person.root));
      }
      const mean = (axis) => hips.reduce((sum, hip) => sum + hip[axis], 0) / hips.length;
      return [mean(0), mean(2)];
    });
    const rounds = Math.round(0.4 * recording.content.rate);
    const columns = [0, 1].map((axis) =>
      smoothed(this.path.map((place) => place[axis]), Math.min(rounds, 60)),
    );
    this.path = columns[0].map((x, index) => [x, columns[1][index]]);

    this.all = this.box(null);
    this.around = this.box(this.path);
    this.walks = Math.hypot(...this.all.size) > WALKS + Math.hypot(...this.around.size);
    this.follow = this.walks;
  }

  /** The box of nearly all joints, or of their places around `path`. */
  box(path) {
    const columns = [[], [], []];
    for (const person of this.recording.people) {
      person.rowOf.forEach((row, index) => {
        if (row < 0) return;
        const [x0, z0] = path ? path[index] : [0, 0];
        for (let joint = 0; joint < person.joints.length; joint++) {
          const [x, y, z] = person.point(row, joint);
          [x - x0, z - z0, y].forEach((value, axis) => columns[axis].push(value));
        }
      });
    }
    // Single bad frames must not make everybody small.
    const sorted = columns.map((column) => Float32Array.from(column).sort());
    const at = (axis, part) => sorted[axis][Math.floor(part * (sorted[axis].length - 1))];
    const [low, high] = [[0, 1].map((k) => at(k, 0.01)), [0, 1].map((k) => at(k, 0.99))];
    return {
      middle: low.map((value, axis) => (value + high[axis]) / 2),
      size: low.map((value, axis) => high[axis] - value),
      height: Math.max(at(2, 0.99) + 0.12, 0.5),
    };
  }

  draw(index, highlighted) {
    const { context, camera, palette } = this;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const box = this.follow ? this.around : this.all;
    const [x, z] = this.follow
      ? this.path[index].map((value, axis) => value + box.middle[axis])
      : box.middle;
    camera.middle = [x, box.height / 2, z];
    camera.extent = [Math.hypot(...box.size) / 2, box.height / 2];
    camera.prepare(width, height);
    context.clearRect(0, 0, width, height);
    this.drawFloor([x, z]);
    this.drawTracks(index);
    this.drawPeople(index);

    const ring = this.joints.find((place) => isSame(place, highlighted));
    if (ring) drawRing(context, ring, css(palette.ink));
  }

  /** Draws lines on the floor that fade with the distance from `middle`. */
  drawFloor([x, z]) {
    const below = this.camera.sinPitch < -0.02;
    const [x0, z0] = [x, z].map((value) => Math.round(value));
    const reach = Math.max(GRID_REACH, this.camera.extent[0] + 2);
    const count = Math.round(reach / GRID_CELL);
    for (let line = -count; line <= count; line++) {
      const at = line * GRID_CELL;
      const strength = (line % 2 ? 0.45 : 1) * (below ? 0.4 : 1);
      for (let cell = -count; cell < count; cell++) {
        const [begin, end] = [cell * GRID_CELL, (cell + 1) * GRID_CELL];
        this.gridLine([x0 + begin, z0 + at], [x0 + end, z0 + at], x, z, reach, strength);
        this.gridLine([x0 + at, z0 + begin], [x0 + at, z0 + end], x, z, reach, strength);
      }
    }
  }

  gridLine(begin, end, x, z, reach, strength) {
    const away = Math.hypot((begin[0] + end[0]) / 2 - x, (begin[1] + end[1]) / 2 - z);
    const alpha = strength * Math.max(0, 1 - away / reach) ** 1.5;
    if (alpha < 0.02) return;
    const from = this.camera.project([begin[0], 0, begin[1]]);
    const to = this.camera.project([end[0], 0, end[1]]);
    if (from.depth < NEAREST || to.depth < NEAREST) return;
    const { context } = this;
    context.strokeStyle = css(this.palette.grid, alpha);
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }

  /** Draws where the hips of people with known places were, up to now. */
  drawTracks(index) {
    if (!this.recording.content.placed || !this.walks) return;
    const { context } = this;
    this.recording.people.forEach((person, number) => {
      context.beginPath();
      const step = Math.ceil((index + 1) / MOST_TRACK_POINTS);
      for (let k = index % step; k <= index; k += step) {
        const row = person.rowOf[k];
        if (row < 0) continue;
        const [x, , z] = person.point(row, person.root);
        const place = this.camera.project([x, 0, z]);
        if (place.depth > NEAREST) context.lineTo(place.x, place.y);
      }
      context.strokeStyle = css(this.palette.of(number).middle, 0.55);
      context.lineWidth = 1.5;
      context.lineJoin = "round";
      context.stroke();
    });
  }

  drawPeople(index) {
    const { recording, palette, camera } = this;
    this.joints = [];
    const parts = [];
    recording.people.forEach((person, number) => {
      const row = person.rowOf[index];
      if (row < 0) return;
      const colours = palette.of(number);
      this.drawShadow(person, row);
      parts.push(...bodyParts(person, row, camera, { of: (side) => colours[side] }));
      person.joints.forEach((_, joint) => {
        const place = camera.project(person.point(row, joint));
        this.joints.push({ person, number, row, joint, ...place });
      });
    });
    const depths = parts.map((part) => part.depth);
    const [front, back] = [Math.min(...depths), Math.max(...depths)];
    const range = Math.max(back - front, 0.8);
    const fog = (depth) => 0.32 * ((depth - front) / range) ** 1.3;
    drawParts(this.context, parts, palette, fog);
  }

  /** Draws a soft shadow below the bones: faint lines, each wider than the one before. */
  drawShadow(person, row) {
    const { context } = this;
    const path = new Path2D();
    let scale = 0;
    for (const [child, parent] of person.bones) {
      const ends = [child, parent].map((joint) => {
        const [x, , z] = person.point(row, joint);
        return this.camera.project([x, 0, z]);
      });
      if (ends.some((end) => end.depth < NEAREST)) continue;
      path.moveTo(ends[0].x, ends[0].y);
      path.lineTo(ends[1].x, ends[1].y);
      scale = Math.max(scale, ends[0].scale);
    }
    context.lineCap = context.lineJoin = "round";
    const alpha = this.palette.isDark ? 0.1 : 0.026;
    for (const width of [0.07, 0.11, 0.15, 0.19, 0.23, 0.27]) {
      context.lineWidth = width * scale * (0.35 + 0.65 * Math.abs(this.camera.sinPitch));
      context.strokeStyle = css(this.palette.shadow, alpha);
      context.stroke(path);
    }
  }
}

function isSame(place, other) {
  return other && place.person === other.person && place.joint === other.joint;
}

function drawRing(context, { x, y }, colour) {
  context.beginPath();
  context.arc(x, y, 8, 0, 2 * Math.PI);
  context.strokeStyle = colour;
  context.lineWidth = 1.6;
  context.stroke();
}
