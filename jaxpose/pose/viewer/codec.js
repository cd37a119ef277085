"use strict";

const SEEN = 1, HAS_KEYPOINT = 2;

/**
 * Unpacks whole numbers that were stored as changes between rows of `columns` numbers,
 * lowest bytes first, deflated, in base64.
 */
async function unpack(text, columns) {
  const deflated = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const inflate = new DecompressionStream("deflate");
  const stream = new Blob([deflated]).stream().pipeThrough(inflate);
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());

  const count = planes.length / 4;
  const numbers = new Int32Array(count);
  for (let k = 0; k < count; k++) {
    const low = planes[k] | (planes[count + k] << 8);
    const high = planes[2 * count + k] | (planes[3 * count + k] << 8);
    numbers[k] = low | (high << 16);
    if (k >= columns) numbers[k] += numbers[k - columns];
  }
  return numbers;
}

/** The numbers of all frames of the page, and its people. */
class Recording {
  static async read(content) {
    const recording = new Recording();
    const [perMetre, perPixel, perSecond] = content.units;
    recording.content = content;
    recording.frames = await unpack(content.frames, 1);
    const times = await unpack(content.times, 1);
    recording.times = Float64Array.from(times, (time) => time / perSecond);
    recording.people = [];
    for (const part of content.people) {
      const person = await Person.read(part, perMetre, perPixel, recording.frames.length);
      recording.people.push(person);
    }
    placePeople(recording);
    return recording;
  }

  get length() {
    return this.frames.length;
  }

  /** The last frame that starts at `time` seconds or before. */
  indexAt(time) {
    let low = 0, high = this.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= time + 1e-4) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The numbers of one person: a row per frame in which the person has a pose. */
class Person {
  static async read(part, perMetre, perPixel, frames) {
    const person = new Person();
    const joints = part.joints.length;
    Object.assign(person, part);
    person.sides = part.joints.map((_, joint) => {
      if (part.left.includes(joint)) return "left";
      return part.right.includes(joint) ? "right" : "middle";
    });
    const positions = await unpack(part.positions, 3 * joints);
    const keypoints = await unpack(part.keypoints, 2 * joints);
    person.positions = Float32Array.from(positions, (value) => value / perMetre);
    person.keypoints = Float32Array.from(keypoints, (value) => value / perPixel);
    person.flags = await unpack(part.flags, joints);

    // The page's frames in which the person is away have no row.
    person.rowOf = new Int32Array(frames).fill(-1);
    const rows = await unpack(part.rows, 1);
    rows.forEach((index, row) => (person.rowOf[index] = row));
    person.numRows = rows.length;
    return person;
  }

  has(row, joint, flag) {
    return (this.flags[row * this.joints.length + joint] & flag) !== 0;
  }

  /** The fraction of the joints that were seen. */
  seenFraction(row) {
    let seen = 0;
    for (let joint = 0; joint < this.joints.length; joint++) {
      seen += this.has(row, joint, SEEN);
    }
    return seen / this.joints.length;
  }

  /** The place of a joint in the drawing: x right, y up, z to the camera. */
  point(row, joint) {
    const at = 3 * (row * this.joints.length + joint);
    const points = this.points;
    return [points[at], points[at + 1], points[at + 2]];
  }

  keypoint(row, joint) {
    const at = 2 * (row * this.joints.length + joint);
    return [this.keypoints[at], this.keypoints[at + 1]];
  }

  /** The stored place of a joint as text, in the frame of reference of the pose. */
  describe(row, joint) {
    const at = 3 * (row * this.joints.length + joint);
    const numbers = Array.from(this.positions.subarray(at, at + 3));
    return numbers.map((number) => number.toFixed(3)).join("  ") + " m";
  }

  /** The height of the lowest joint. */
  lowest(row) {
    let low = Infinity;
    for (let joint = 0; joint < this.joints.length; joint++) {
      low = Math.min(low, this.point(row, joint)[1]);
    }
    return low;
  }
}

/** Ankles are this far above the floor, metres. */
const ANKLE_HEIGHT = 0.08;
/** Seconds before and after a frame that smooth the height of the lowest joint. */
const SETTLING = 0.1;
/** People whose places are unknown stand this far apart, metres. */
const SPACING = 1.2;

/**
 * Turns the positions into `points` of the drawing, with the floor at y = 0.
 *
 * Where the place of the hip is unknown, people stand side by side in the order of the
 * image. Where the floor is unknown, the lowest joint of each is set on it.
 */
function placePeople(recording) {
  const { upright, placed } = recording.content;
  const sign = upright ? 1 : -1;
  for (const person of recording.people) {
    person.points = person.positions.map((value, k) => (k % 3 ? sign * value : value));
  }
  if (!placed) sideBySide(recording.people);
  if (placed && upright) return;
  const reach = clamp(Math.round(SETTLING * recording.content.rate), 1, 20);
  for (const person of recording.people) standOnFloor(person, reach);
}

function sideBySide(people) {
  const middles = new Map(people.map((person) => [person, meanOfImage(person)]));
  const order = [...people].sort((a, b) => middles.get(a) - middles.get(b));
  order.forEach((person, place) => {
    const shift = (place - (people.length - 1) / 2) * SPACING;
    for (let k = 0; k < person.points.length; k += 3) person.points[k] += shift;
  });
}

/** The mean x of the person in the image. */
function meanOfImage(person) {
  let sum = 0, count = 0;
  for (let k = 0; k < person.flags.length; k++) {
    if (!(person.flags[k] & HAS_KEYPOINT)) continue;
    sum += person.keypoints[2 * k];
    count++;
  }
  return count ? sum / count : 0;
}

function standOnFloor(person, reach) {
  const lows = Array.from({ length: person.numRows }, (_, row) => person.lowest(row));
  const smooth = smoothed(lows, reach);
  const perRow = 3 * person.joints.length;
  for (let k = 1; k < person.points.length; k += 3) {
    person.points[k] += ANKLE_HEIGHT - smooth[Math.floor(k / perRow)];
  }
}

/** The mean over each value and up to `reach` values before and after it. */
function smoothed(values, reach) {
  return values.map((_, k) => {
    const near = values.slice(Math.max(0, k - reach), k + reach + 1);
    return near.reduce((sum, value) => sum + value, 0) / near.length;
  });
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
