/**
 * Turns pointers and wheel on an element into calls of `handler`:
 * `turn(dx, dy)`, `move(dx, dy)`, `zoom(factor, x, y)`, `hover(x, y)`, `leave()`, and
 * `reset()`. Pixels of the page, relative to the element.
 */
function listenToGestures(element, handler) {
  const pointers = new Map();

  const place = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  element.addEventListener("pointerdown", (event) => {
    element.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    handler.leave();
  });

  element.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== "touch") handler.hover(now.x, now.y);
      return;
    }
    if (pointers.size === 2) {
      pinch(pointers, event.pointerId, now, handler);
    } else if (pointers.size === 1) {
      const moves = event.shiftKey || event.buttons & 6;
      handler[moves ? "move" : "turn"](now.x - before.x, now.y - before.y);
    }
    pointers.set(event.pointerId, now);
  });

  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, (event) => pointers.delete(event.pointerId));
  }
  element.addEventListener("pointerleave", () => handler.leave());
  element.addEventListener("contextmenu", (event) => event.preventDefault());
  element.addEventListener("dblclick", () => handler.reset());
  element.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const pixels = event.deltaMode === 1 ? 16 * event.deltaY : event.deltaY;
      const { x, y } = place(event);
      handler.zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0016)), x, y);
    },
    { passive: false },
  );
}

/** Two fingers zoom by their distance and move by their middle. */
function pinch(pointers, moved, now, handler) {
  const [id] = [...pointers.keys()].filter((other) => other !== moved);
  const fixed = pointers.get(id), before = pointers.get(moved);
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
  handler.move((now.x - before.x) / 2, (now.y - before.y) / 2);
  handler.zoom(
    distance(now, fixed) / distance(before, fixed),
    (now.x + fixed.x) / 2,
    (now.y + fixed.y) / 2,
  );
}

/** Keeps a canvas as sharp as the screen; calls `changed` after each change of size. */
function fitCanvas(canvas, changed) {
  const context = canvas.getContext("2d");
  const fit = () => {
    const density = Math.min(window.devicePixelRatio || 1, 3);
    const { clientWidth, clientHeight } = canvas;
    canvas.width = Math.round(clientWidth * density);
    canvas.height = Math.round(clientHeight * density);
    context.setTransform(density, 0, 0, density, 0, 0);
    changed();
  };
  new ResizeObserver(fit).observe(canvas);
  return context;
}

/** The nearest of `places` ({x, y, ...}) within `reach` pixels of a point, or null. */
function nearest(places, x, y, reach = 16) {
  let best = null, least = reach;
  for (const candidate of places) {
    const distance = Math.hypot(candidate.x - x, candidate.y - y);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best;
}
