/** Radii of the body at joints, metres: the first name that a joint's name contains. */
const RADII = [
  ["toe", 0.02], ["foot", 0.028], ["ankle", 0.033], ["knee", 0.047],
  ["wrist", 0.026], ["hand", 0.022], ["elbow", 0.033], ["shoulder", 0.044],
  ["clavicle", 0.044], ["neck", 0.045], ["thorax", 0.058], ["spine", 0.066],
  ["hip", 0.062], ["pelvis", 0.062],
];
const HEAD_RADIUS = 0.087;
/** Bones that begin on the midline lie inside the trunk: they are thin. */
const INNER_RADIUS = 0.036;
const LIGHT = { x: -0.47, y: -0.88 };

function radiusOf(name) {
  const found = RADII.find(([part]) => name.includes(part));
  return found ? found[1] : 0.036;
}

/** The joint at the top of the head, and its bone, or null. */
function headBone(person) {
  const bones = person.bones.filter(([child]) => /head/.test(person.joints[child]));
  const isParent = (joint) => person.bones.some(([, parent]) => parent === joint);
  return bones.find(([child]) => !isParent(child)) || null;
}

/** The corners of the trunk, or [] where the joints have other names. */
function trunkCorners(person) {
  const names = ["left_shoulder", "right_shoulder", "right_hip", "left_hip"];
  const corners = names.map((name) => person.joints.indexOf(name));
  return corners.includes(-1) ? [] : corners;
}

/**
 * The parts of a person in one frame, each with its depth and how it is drawn. Drawn from
 * the farthest to the nearest, they hide each other as bodies do.
 */
function bodyParts(person, row, camera, tones) {
  const places = person.joints.map((_, joint) => {
    const point = person.point(row, joint);
    return { point, radius: radiusOf(person.joints[joint]), ...camera.project(point) };
  });
  const seen = (joint) => person.has(row, joint, SEEN);
  const head = headBone(person);
  const parts = trunkPart(person, places, tones);

  for (const [child, parent] of person.bones) {
    const base = tones.of(person.sides[child]);
    const pale = !seen(child) || !seen(parent);
    let [begin, end] = [places[parent], places[child]];
    let behind = 0;
    if (head && child === head[0]) {
      const skull = headPart(begin, end, camera);
      parts.push({ depth: skull.low.depth - HEAD_RADIUS, ...skull, base, pale });
      end = { ...skull.low, radius: 0.04 };
    } else if (person.sides[parent] === "middle") {
      [begin, end] = [begin, end].map((place) => ({ ...place, radius: INNER_RADIUS }));
      behind = 0.03;
    }
    const depth = (begin.depth + end.depth) / 2 + behind;
    parts.push({ depth, shape: "limb", begin, end, base, pale });
  }
  return parts;
}

/** An egg whose top is the joint at the top of the head. */
function headPart(below, top, camera) {
  const axis = top.point.map((value, k) => value - below.point[k]);
  const length = Math.hypot(...axis) || 1;
  const at = (distance) =>
    camera.project(top.point.map((value, k) => value - (axis[k] / length) * distance));
  const [low, high] = [at(HEAD_RADIUS + 0.045), at(HEAD_RADIUS * 0.9)];
  return {
    shape: "head",
    low,
    begin: { ...low, radius: HEAD_RADIUS * 0.86 },
    end: { ...high, radius: HEAD_RADIUS },
  };
}

function trunkPart(person, places, tones) {
  const corners = trunkCorners(person);
  if (!corners.length) return [];
  const depth = corners.reduce((sum, joint) => sum + places[joint].depth, 0) / 4;
  return [
    {
      depth: depth + 0.05,
      shape: "trunk",
      corners: corners.map((joint) => places[joint]),
      base: tones.of("middle"),
      pale: false,
    },
  ];
}

/** Draws parts of all people; `fog(depth)` is the share of the background. */
function drawParts(context, parts, palette, fog) {
  parts.sort((a, b) => b.depth - a.depth);
  for (const part of parts) {
    const share = part.pale ? Math.max(0.72, fog(part.depth)) : fog(part.depth);
    const colour = mix(part.base, palette.panel, share);
    if (part.shape === "trunk") drawTrunk(context, part, colour, palette);
    else drawSolid(context, part, colour, palette);
  }
}

function drawTrunk(context, part, colour, palette) {
  context.beginPath();
  part.corners.forEach(({ x, y }) => context.lineTo(x, y));
  context.closePath();
  context.lineJoin = "round";
  context.lineWidth = 0.09 * part.corners[0].scale;
  const [shoulder, , , hip] = part.corners;
  const gradient = context.createLinearGradient(shoulder.x, shoulder.y, hip.x, hip.y);
  gradient.addColorStop(0, css(mix(colour, palette.panel, 0.68)));
  gradient.addColorStop(1, css(mix(colour, palette.panel, 0.5)));
  context.strokeStyle = context.fillStyle = gradient;
  context.stroke();
  context.fill();
}

/** A limb or head: round ends, lit from above and the left, with an edge of background. */
function drawSolid(context, part, colour, palette) {
  const { begin, end } = part;
  const [radius, endRadius] = [begin.radius * begin.scale, end.radius * end.scale];
  const path = capsule(begin, end, radius, endRadius);
  context.lineJoin = "round";
  context.lineWidth = 2.4;
  context.strokeStyle = css(palette.panel);
  context.stroke(path);
  context.fillStyle = part.shape === "head"
    ? ballShading(context, end, endRadius, colour)
    : limbShading(context, begin, end, Math.max(radius, endRadius), colour);
  context.fill(path);
}

/** The outline of two discs and their common tangents. */
function capsule(begin, end, radius, endRadius) {
  const path = new Path2D();
  const [dx, dy] = [end.x - begin.x, end.y - begin.y];
  const length = Math.hypot(dx, dy);
  if (length <= Math.abs(radius - endRadius)) {
    const larger = radius > endRadius ? begin : end;
    path.arc(larger.x, larger.y, Math.max(radius, endRadius), 0, 2 * Math.PI);
    return path;
  }
  const axis = Math.atan2(dy, dx);
  const spread = Math.acos((radius - endRadius) / length);
  path.arc(begin.x, begin.y, radius, axis + spread, axis - spread + 2 * Math.PI);
  path.arc(end.x, end.y, endRadius, axis - spread, axis + spread);
  path.closePath();
  return path;
}

function limbShading(context, begin, end, radius, colour) {
  const length = Math.hypot(end.x - begin.x, end.y - begin.y) || 1;
  let normal = [-(end.y - begin.y) / length, (end.x - begin.x) / length];
  let facing = normal[0] * LIGHT.x + normal[1] * LIGHT.y;
  if (facing < 0) [normal, facing] = [normal.map((value) => -value), -facing];
  const [x, y] = [(begin.x + end.x) / 2, (begin.y + end.y) / 2];
  const [dx, dy] = normal.map((value) => value * radius);
  const gradient = context.createLinearGradient(x + dx, y + dy, x - dx, y - dy);
  return withShades(gradient, colour, 0.55 + 0.45 * facing);
}

function ballShading(context, { x, y }, radius, colour) {
  const lit = { x: x + LIGHT.x * radius * 0.5, y: y + LIGHT.y * radius * 0.45 };
  const gradient = context.createRadialGradient(
    lit.x, lit.y, radius * 0.1, x, y + radius * 0.3, radius * 1.5,
  );
  return withShades(gradient, colour, 0.9);
}

function withShades(gradient, colour, strength) {
  gradient.addColorStop(0, css(mix(colour, [255, 255, 255], 0.3 * strength)));
  gradient.addColorStop(0.42, css(colour));
  gradient.addColorStop(1, css(mix(colour, [18, 20, 28], 0.34 * strength)));
  return gradient;
}
