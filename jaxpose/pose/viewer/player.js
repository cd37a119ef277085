const SPEEDS = [0.1, 0.25, 0.5, 1, 2];
/** Half of the slider's thumb: the track begins and ends there. */
const TRACK_MARGIN = 6;

const byId = (id) => document.getElementById(id);

/** The time line, the keys, and the two drawings. */
class Player {
  constructor(recording) {
    this.recording = recording;
    this.index = 0;
    this.speed = 1;
    this.playing = false;
    this.highlighted = null;
    this.palette = new Palette(recording.people.length);
    const redraw = () => this.redraw();
    const { content } = recording;
    this.video = new Video(content.video, byId("video").textContent, redraw);
    this.space = new SpaceView(byId("space-panel"), recording, this.palette, redraw);
    this.space.onMoved = () => this.markView(null);
    this.space.onView = (view) => this.markView(view);
    this.views = [this.space];
    this.addImage();
    for (const view of this.views) view.onHover = (place) => this.highlight(place, view);
    this.track = fitCanvas(byId("track"), redraw);

    this.describe();
    this.listen();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.palette.read();
      this.describe();
      redraw();
    });
    this.go(0);
  }

  /** Shows the image where there is something to show in it. */
  addImage() {
    const { content, people } = this.recording;
    const hasKeypoints = people.some(({ flags }) =>
      flags.some((flag) => flag & HAS_KEYPOINT),
    );
    if (!hasKeypoints && !content.video) {
      byId("image-panel").hidden = true;
      byId("panels").classList.add("only-space");
      return;
    }
    const redraw = () => this.redraw();
    const panel = byId("image-panel");
    const { palette, video, recording } = this;
    this.image = new ImageView(panel, recording, palette, video, redraw);
    this.views.push(this.image);
    const aspect = this.image.width / this.image.height;
    const style = document.documentElement.style;
    style.setProperty("--image-share", `${clamp(aspect * 0.72, 0.5, 1.2)}fr`);
    style.setProperty("--image-share-tall", `${clamp(0.75 / aspect, 0.45, 0.9)}fr`);
  }

  /** Writes the facts, captions and legend. */
  describe() {
    const { content, length, people } = this.recording;
    const count = (number, one) =>
      `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;
    const seconds = length / content.rate;
    const facts = [
      count(length, "frame"), `${seconds.toFixed(1)} s`, `${+content.rate.toFixed(2)} fps`,
    ];
    if (people.length > 1) facts.push(`${people.length} people`);
    if (content.model) facts.push(content.model);
    byId("facts").textContent = facts.join("  ·  ");

    const [width, height] = content.image_size;
    byId("image-caption").textContent = `2D  ·  ${width} × ${height} px`;
    const remarks = ["3D", content.reference];
    if (!content.placed && people.length > 1) remarks.push("set side by side");
    if (!content.placed || !content.upright) remarks.push("feet set on the floor");
    byId("space-caption").textContent = remarks.join("  ·  ");
    const [summary, list] = byId("remarks").children;
    byId("remarks").hidden = !content.remarks.length;
    summary.textContent = count(content.remarks.length, "remark");
    list.replaceChildren();
    for (const remark of content.remarks) addText(list, "li", remark);
    byId("position").max = length - 1;
    byId("follow").hidden = !this.space.walks;
    byId("follow").setAttribute("aria-pressed", this.space.follow);
    this.writeLegend();
  }

  writeLegend() {
    const legend = byId("legend");
    legend.replaceChildren();
    const { people } = this.recording;
    people.forEach((person, number) => {
      const item = document.createElement("li");
      if (people.length > 1) addText(item, "b", `Person ${person.person}`);
      for (const side of ["left", "right"]) {
        addSwatch(item, this.palette.of(number)[side], side);
      }
      legend.append(item);
    });
    if (people.some(({ flags }) => flags.some((flag) => !(flag & SEEN)))) {
      const item = document.createElement("li");
      const { people: colours, panel } = this.palette;
      addSwatch(item, mix(colours[0].left, panel, 0.72), "not seen, filled in");
      legend.append(item);
    }
  }

  listen() {
    byId("play").addEventListener("click", () => this.toggle());
    byId("back").addEventListener("click", () => this.step(-1));
    byId("forward").addEventListener("click", () => this.step(1));
    byId("follow").addEventListener("click", () => this.toggleFollow());
    byId("help").addEventListener("click", () => this.toggleHelp());
    byId("position").addEventListener("input", (event) => {
      this.go(Number(event.target.value));
    });
    byId("speed").addEventListener("change", (event) => {
      this.setSpeed(Number(event.target.value));
    });
    for (const button of document.querySelectorAll("[data-view]")) {
      button.addEventListener("click", () => this.space.show(button.dataset.view));
    }
    document.addEventListener("keydown", (event) => this.press(event));
    // After a click the keys belong to the player again, not to the button.
    for (const control of document.querySelectorAll("button, select, summary")) {
      control.addEventListener("click", (event) => event.detail && control.blur());
      control.addEventListener("change", () => control.blur());
    }
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && event.target.matches("button, select, summary")) return;
    const step = event.shiftKey ? 10 : 1;
    const speed = SPEEDS.indexOf(this.speed);
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-step),
      ArrowRight: () => this.step(step),
      Home: () => this.go(0),
      End: () => this.go(this.recording.length - 1),
      ArrowUp: () => this.setSpeed(SPEEDS[Math.min(speed + 1, SPEEDS.length - 1)]),
      ArrowDown: () => this.setSpeed(SPEEDS[Math.max(speed - 1, 0)]),
      1: () => this.space.show("camera"),
      2: () => this.space.show("side"),
      3: () => this.space.show("top"),
      f: () => this.toggleFollow(),
      "?": () => this.toggleHelp(),
      Escape: () => byId("keys").open && this.toggleHelp(),
    };
    const action = actions[event.key] || actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  toggleHelp() {
    const keys = byId("keys");
    if (keys.open) keys.close();
    else keys.show();
    byId("help").setAttribute("aria-expanded", keys.open);
  }

  toggleFollow() {
    if (!this.space.walks) return;
    this.space.follow = !this.space.follow;
    byId("follow").setAttribute("aria-pressed", this.space.follow);
    this.redraw();
  }

  markView(view) {
    for (const button of document.querySelectorAll("[data-view]")) {
      button.setAttribute("aria-pressed", button.dataset.view === view);
    }
  }

  setSpeed(speed) {
    this.speed = speed;
    byId("speed").value = String(speed);
    if (this.video.element) this.video.element.playbackRate = speed;
    this.startClock();
  }

  step(frames) {
    this.pause();
    this.go(clamp(this.index + frames, 0, this.recording.length - 1));
  }

  /** Goes to a frame, and takes the video there. */
  go(index) {
    this.show(index);
    this.startClock();
    if (this.video.element) this.video.element.currentTime = this.videoTime(index);
  }

  /** The middle of a frame: rounding never leads to the frame before. */
  videoTime(index) {
    return this.recording.times[index] + 0.5 / this.recording.content.rate;
  }

  show(index) {
    this.index = index;
    const { times, frames } = this.recording;
    byId("position").value = index;
    byId("time").textContent = clock(times[index]);
    byId("frame").textContent = `frame ${frames[index]}`;
    const text = `frame ${frames[index]}, ${times[index].toFixed(2)} seconds`;
    byId("position").setAttribute("aria-valuetext", text);
    this.redraw();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (this.recording.length < 2) return;
    if (this.index === this.recording.length - 1) this.go(0);
    this.setPlaying(true);
    this.startClock();
    if (this.video.ready) this.video.element.play();
    requestAnimationFrame((now) => this.tick(now));
  }

  pause() {
    this.setPlaying(false);
    if (this.video.element) this.video.element.pause();
  }

  setPlaying(playing) {
    this.playing = playing;
    byId("play").classList.toggle("playing", playing);
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  /** Remembers which time of the recording it is now. */
  startClock() {
    this.clock = { now: performance.now(), time: this.recording.times[this.index] };
  }

  /** Shows the frame of this moment: the video's where it plays, else by the clock. */
  tick(now) {
    if (!this.playing) return;
    const { times, length } = this.recording;
    const elapsed = (Math.max(now - this.clock.now, 0) / 1000) * this.speed;
    let time = this.clock.time + elapsed;
    if (this.video.ready) time = this.video.element.currentTime;
    const end = times[length - 1] + 1 / this.recording.content.rate;
    if (time >= end || (this.video.ready && this.video.element.ended)) {
      this.go(0);
      if (this.video.ready) this.video.element.play();
    } else {
      this.show(this.recording.indexAt(time));
    }
    requestAnimationFrame((later) => this.tick(later));
  }

  /** Shows the name and place of a joint beside it, and marks it in both drawings. */
  highlight(place, view) {
    this.highlighted = place;
    for (const { canvas } of this.views) {
      canvas.parentElement.querySelector(".joint").hidden = true;
    }
    if (place) {
      const label = view.canvas.parentElement.querySelector(".joint");
      const { person, row, joint, x, y } = place;
      label.textContent = person.joints[joint].replaceAll("_", " ");
      addText(label, "small", person.describe(row, joint));
      label.hidden = false;
      const room = view.canvas.clientWidth - label.offsetWidth - 8;
      const left = Math.max(8, Math.min(x + 14, room));
      label.style.transform = `translate(${left}px, ${Math.max(8, y - 34)}px)`;
    }
    this.redraw();
  }

  /** Draws once, before the next picture of the screen. */
  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      for (const view of this.views) view.draw(this.index, this.highlighted);
      this.drawTrack();
      if (this.video.failed) {
        byId("image-caption").textContent = "2D  ·  the video cannot be played here";
      }
    });
  }

  /** Draws a line per person, paler where fewer joints were seen, and the part played. */
  drawTrack() {
    const { track, recording, palette } = this;
    const { clientWidth, clientHeight } = byId("track");
    track.clearRect(0, 0, clientWidth, clientHeight);
    const width = clientWidth - 2 * TRACK_MARGIN;
    const { people, length } = recording;
    const thick = people.length > 1 ? 3 : 4;
    const top = (clientHeight - people.length * (thick + 2) + 2) / 2;
    const perFrame = width / Math.max(length - 1, 1);
    people.forEach((person, number) => {
      const y = top + number * (thick + 2);
      const colour = people.length > 1 ? palette.of(number).middle : palette.quiet;
      // One rectangle per pixel suffices for long recordings.
      for (let x = 0; x < width; x++) {
        const index = Math.min(Math.round(x / perFrame), length - 1);
        const row = person.rowOf[index];
        if (row < 0) continue;
        const seen = 0.25 + 0.75 * person.seenFraction(row) ** 2;
        const alpha = seen * (index <= this.index ? 0.95 : 0.34);
        track.fillStyle = css(colour, alpha);
        track.fillRect(TRACK_MARGIN + x, y, 1, thick);
      }
    });
  }
}

/** Seconds as minutes, seconds and hundredths. */
function clock(seconds) {
  const hundredths = Math.round(seconds * 100);
  const rest = ((hundredths % 6000) / 100).toFixed(2).padStart(5, "0");
  return `${Math.floor(hundredths / 6000)}:${rest}`;
}

function addText(parent, tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent.append(element);
}

function addSwatch(item, colour, text) {
  const swatch = document.createElement("i");
  swatch.style.background = css(colour);
  item.append(swatch);
  addText(item, "span", text);
}

/** The player of this page, once its numbers are unpacked. */
let player = null;
Recording.read(JSON.parse(byId("content").textContent)).then((recording) => {
  player = new Player(recording);
});
