/** Colours as [red, green, blue], read from the style sheet of the present scheme. */
class Palette {
  constructor(numPeople) {
    this.numPeople = numPeople;
    this.read();
  }

  read() {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(`--${name}`).trim();
    for (const name of ["page", "panel", "ink", "quiet", "rule", "grid", "shadow"]) {
      this[name] = parseColour(value(name));
    }
    const middle = parseColour(value("middle"));
    const sides = { left: parseColour(value("left")), right: parseColour(value("right")) };
    this.isDark = luminance(this.panel) < 0.5;

    // One person has blue and orange sides; several have a hue each, light and deep.
    this.people = [{ ...sides, middle }];
    if (this.numPeople > 1) {
      this.people = value("pairs").split(",").map((pair) => {
        const [left, right] = pair.trim().split(/\s+/).map(parseColour);
        return { left, right, middle: mix(left, right, 0.5) };
      });
    }
  }

  of(person) {
    return this.people[person % this.people.length];
  }
}

function parseColour(text) {
  const number = parseInt(text.slice(1), 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

function luminance([red, green, blue]) {
  return (0.3 * red + 0.59 * green + 0.11 * blue) / 255;
}

/** `share` of `other` in `colour`. */
function mix(colour, other, share) {
  return colour.map((value, k) => value + (other[k] - value) * share);
}

function css(colour, alpha = 1) {
  const [red, green, blue] = colour.map(Math.round);
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}
