/** The drawing in the image: the video's frame where there is one, and keypoints. */
class ImageView {
  constructor(panel, recording, palette, video, changed) {
    Object.assign(this, { recording, palette, video, changed });
    [this.width, this.height] = recording.content.image_size;
    this.canvas = panel.querySelector("canvas");
    this.joints = [];
    this.room = this.keypointsRoom();
    this.reset();
    this.context = fitCanvas(this.canvas, changed);
    listenToGestures(this.canvas, this.gestures());
  }

  reset() {
    Object.assign(this, { zoom: 1, shiftX: 0, shiftY: 0 });
    this.changed();
  }

  gestures() {
    const move = (dx, dy) => {
      this.shiftX += dx;
      this.shiftY += dy;
      this.changed();
    };
    return {
      turn: move,
      move,
      zoom: (factor, x, y) => {
        const zoom = clamp(this.zoom * factor, this.leastZoom, 16);
        const ratio = zoom / this.zoom;
        // The point below the pointer stays where it is.
        const [centreX, centreY] = [
          this.canvas.clientWidth / 2, this.canvas.clientHeight / 2,
        ];
        this.shiftX = (x - centreX) * (1 - ratio) + this.shiftX * ratio;
        this.shiftY = (y - centreY) * (1 - ratio) + this.shiftY * ratio;
        this.zoom = zoom;
        this.changed();
      },
      reset: () => this.reset(),
      hover: (x, y) => this.onHover(nearest(this.joints, x, y)),
      leave: () => this.onHover(null),
    };
  }

  /** The part of the image in which nearly all keypoints lie, with a margin. */
  keypointsRoom() {
    const columns = [[], []];
    for (const { flags, keypoints } of this.recording.people) {
      flags.forEach((flag, k) => {
        if (!(flag & HAS_KEYPOINT)) return;
        columns[0].push(keypoints[2 * k]);
        columns[1].push(keypoints[2 * k + 1]);
      });
    }
    if (!columns[0].length) return null;
    const [[left, right], [top, bottom]] = columns.map((column) => {
      const sorted = Float32Array.from(column).sort();
      const last = sorted.length - 1;
      return [sorted[Math.floor(0.005 * last)], sorted[Math.ceil(0.995 * last)]];
    });
    const margin = 0.14 * Math.max(right - left, bottom - top, 1);
    return [left - margin, top - margin, right + margin, bottom + margin];
  }

  /** A video is shown as a whole; without one the keypoints fill the drawing. */
  prepare() {
    const { clientWidth, clientHeight } = this.canvas;
    const whole = [0, 0, this.width, this.height];
    const [left, top, right, bottom] = this.video.ready ? whole : this.room || whole;
    const fit = (width, height) => Math.min(clientWidth / width, clientHeight / height);
    const scale = Math.max(fit(right - left, bottom - top), 1e-6);
    this.leastZoom = Math.min(1, (0.94 * fit(this.width, this.height)) / scale);
    this.scale = scale * this.zoom;
    this.left = clientWidth / 2 - ((left + right) / 2) * this.scale + this.shiftX;
    this.top = clientHeight / 2 - ((top + bottom) / 2) * this.scale + this.shiftY;
  }

  draw(index, highlighted) {
    const { context, palette } = this;
    const { clientWidth, clientHeight } = this.canvas;
    this.prepare();
    context.clearRect(0, 0, clientWidth, clientHeight);
    const box = [this.left, this.top, this.width * this.scale, this.height * this.scale];
    if (this.video.ready) {
      context.drawImage(this.video.element, ...box);
    } else {
      context.strokeStyle = css(palette.grid);
      context.lineWidth = 1;
      context.setLineDash([3, 4]);
      context.strokeRect(...box);
      context.setLineDash([]);
    }
    this.joints = [];
    this.recording.people.forEach((person, number) => {
      const row = person.rowOf[index];
      if (row >= 0) this.drawPerson(person, number, row);
    });
    const ring = this.joints.find((place) => isSame(place, highlighted));
    if (ring) drawRing(context, ring, this.video.ready ? "#ffffff" : css(palette.ink));
  }

  drawPerson(person, number, row) {
    const { context, palette } = this;
    const colours = this.colours(number);
    const places = person.joints.map((_, joint) => {
      const [x, y] = person.keypoint(row, joint);
      return { x: this.left + x * this.scale, y: this.top + y * this.scale };
    });
    const drawn = (joint) => person.has(row, joint, HAS_KEYPOINT);
    const least = this.video.ready ? 2.8 : 2;
    const width = Math.max(this.lineWidth(places, drawn), least);
    const edge = this.video.ready ? "rgb(12 14 18 / 0.72)" : css(palette.panel);
    const centre = this.video.ready ? "#ffffff" : css(palette.panel);

    context.lineCap = "round";
    for (const [child, parent] of person.bones) {
      if (!drawn(child) || !drawn(parent)) continue;
      const line = new Path2D();
      line.moveTo(places[parent].x, places[parent].y);
      line.lineTo(places[child].x, places[child].y);
      context.lineWidth = width + 2.4;
      context.strokeStyle = edge;
      context.stroke(line);
      context.lineWidth = width;
      context.strokeStyle = css(colours[person.sides[child]]);
      context.stroke(line);
    }
    places.forEach(({ x, y }, joint) => {
      if (!drawn(joint)) return;
      this.joints.push({ person, number, row, joint, x, y });
      context.beginPath();
      context.arc(x, y, width * 0.85, 0, 2 * Math.PI);
      context.fillStyle = centre;
      context.fill();
      context.lineWidth = Math.max(width * 0.45, 1);
      context.strokeStyle = css(colours[person.sides[joint]]);
      context.stroke();
    });
  }

  /** Colours of a person; lighter ones over a video, whose frames may be dark. */
  colours(number) {
    const colours = this.palette.of(number);
    if (!this.video.ready || this.palette.isDark) return colours;
    const lighter = ([side, colour]) => [side, mix(colour, [255, 255, 255], 0.28)];
    return Object.fromEntries(Object.entries(colours).map(lighter));
  }

  /** Lines of small people are thinner. */
  lineWidth(places, drawn) {
    const heights = places.filter((_, joint) => drawn(joint)).map(({ y }) => y);
    if (!heights.length) return 2;
    const height = Math.max(...heights) - Math.min(...heights);
    return Math.min(height / 75, 7);
  }
}

/** A video that follows the time line, or nothing where there is none. */
class Video {
  constructor(description, embedded, changed) {
    this.ready = this.failed = false;
    if (!description) return;
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true, preload: "auto" });
    video.addEventListener("loadeddata", () => {
      this.ready = true;
      changed();
    });
    video.addEventListener("seeked", changed);
    video.addEventListener("error", () => {
      this.ready = false;
      this.failed = true;
      changed();
    });
    video.src = description.link || Video.address(embedded, description.type);
    this.element = video;
  }

  static address(embedded, type) {
    const bytes = Uint8Array.from(atob(embedded), (letter) => letter.charCodeAt(0));
    return URL.createObjectURL(new Blob([bytes], { type }));
  }
}
