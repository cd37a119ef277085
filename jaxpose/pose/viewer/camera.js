const VIEWS = {
  first: { yaw: -0.55, pitch: 0.16 },
  camera: { yaw: 0, pitch: 0 },
  side: { yaw: -Math.PI / 2, pitch: 0 },
  top: { yaw: 0, pitch: Math.PI / 2 - 0.001 },
};
const FIELD_OF_VIEW = (28 * Math.PI) / 180;
const NEAREST = 0.15;

/** A camera that circles around a point. Metres, radians; y is up. */
class OrbitCamera {
  constructor() {
    Object.assign(this, VIEWS.first);
    this.zoom = 1;
    this.middle = [0, 0.9, 0];
    this.shift = [0, 0, 0];
    this.extent = [0.5, 0.9];
  }

  /** Prepares projections to a drawing of `width` x `height` pixels. */
  prepare(width, height) {
    [this.sinYaw, this.cosYaw] = [Math.sin(this.yaw), Math.cos(this.yaw)];
    [this.sinPitch, this.cosPitch] = [Math.sin(this.pitch), Math.cos(this.pitch)];
    [this.centreX, this.centreY] = [width / 2, height / 2];
    this.target = this.middle.map((value, k) => value + this.shift[k]);

    // All of the extent fits, whatever the direction: half its width around the axis, and
    // half its height.
    const tangent = Math.tan(FIELD_OF_VIEW / 2);
    const aspect = width / height;
    const [radius, half] = this.extent;
    const upright = half * this.cosPitch + radius * Math.abs(this.sinPitch);
    const needed = Math.max(upright / tangent, radius / (tangent * aspect));
    this.distance = (needed * 1.12 + radius * 0.3) / this.zoom;
    this.focal = height / 2 / tangent;
  }

  /** Projects a point: pixels, pixels per metre there, and depth in metres. */
  project([x, y, z]) {
    x -= this.target[0];
    y -= this.target[1];
    z -= this.target[2];
    const across = this.cosYaw * x + this.sinYaw * z;
    const towards = -this.sinYaw * x + this.cosYaw * z;
    const up = this.cosPitch * y - this.sinPitch * towards;
    const depth = this.distance - (this.sinPitch * y + this.cosPitch * towards);
    const scale = this.focal / Math.max(depth, NEAREST);
    return {
      x: this.centreX + across * scale,
      y: this.centreY - up * scale,
      scale,
      depth,
    };
  }

  turn(dx, dy) {
    this.yaw += dx * 0.0085;
    const pitch = this.pitch + dy * 0.0085;
    this.pitch = Math.min(Math.max(pitch, -1.5), VIEWS.top.pitch);
  }

  /** Moves the target by pixels of the screen. */
  move(dx, dy) {
    const metres = this.distance / this.focal;
    const across = -dx * metres, up = dy * metres;
    this.shift[0] += across * this.cosYaw + up * this.sinPitch * this.sinYaw;
    this.shift[1] += up * this.cosPitch;
    this.shift[2] += across * this.sinYaw - up * this.sinPitch * this.cosYaw;
  }

  zoomBy(factor) {
    this.zoom = Math.min(Math.max(this.zoom * factor, 0.15), 12);
  }

  /** Goes to a view in a third of a second, or at once where motion is not wanted. */
  goTo(view, changed) {
    const begin = { yaw: this.yaw, pitch: this.pitch, zoom: this.zoom };
    const end = { zoom: 1, ...view };
    const shift = [...this.shift];
    // The short way round.
    end.yaw += Math.round((begin.yaw - end.yaw) / (2 * Math.PI)) * 2 * Math.PI;
    const duration = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 320;
    const start = performance.now();
    const step = (now) => {
      const part = duration ? Math.min(Math.max((now - start) / duration, 0), 1) : 1;
      const eased = part * part * (3 - 2 * part);
      for (const key of Object.keys(begin)) {
        this[key] = begin[key] + (end[key] - begin[key]) * eased;
      }
      this.shift = shift.map((value) => value * (1 - eased));
      changed();
      if (part < 1) this.pending = requestAnimationFrame(step);
    };
    this.stop();
    this.pending = requestAnimationFrame(step);
  }

  /** Stops a movement, as a hand on the drawing does. */
  stop() {
    cancelAnimationFrame(this.pending);
  }
}
