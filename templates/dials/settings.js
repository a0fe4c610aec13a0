// A specification curve to narrow: the settings that are left, and what they say.

const narrowing = (() => {
  // the names of study.analysis.multiverse, in the order of the page's data
  const OUTCOMES = ["helps", "no_effect", "harms"];

  // Wilson's interval of a share
  const share = (count, n, normal) => {
    const [p, q] = [count / n, normal ** 2 / n];
    const middle = (p + q / 2) / (1 + q);
    const half = Math.sqrt(p * (1 - p) * q + q * q / 4) / (1 + q);
    return { count, low: Math.max(middle - half, 0), high: Math.min(middle + half, 1) };
  };

  // How often the advice helps in the settings at these places, and by how much; as
  // study.analysis.multiverse.summary. A single setting has no interval of its mean.
  const summary = ({ effects, outcomes, normal, student }, left) => {
    const n = left.length;
    const mean = left.reduce((total, i) => total + effects[i], 0) / n;
    const squares = left.reduce((total, i) => total + (effects[i] - mean) ** 2, 0);
    const half = n > 1 ? student[n - 2] * Math.sqrt(squares / (n - 1) / n) : NaN;
    const shares = OUTCOMES.map((name, place) =>
      [name, share(left.filter((i) => outcomes[i] === place).length, n, normal)]);
    return { n, mean, half, ...Object.fromEntries(shares) };
  };

  // The places of the settings that the values of the controls keep. Those without a value on an
  // axis go only where it is narrowed.
  const kept = ({ effects, axes }, values, id) => {
    const keeps = axes.map(({ key, stops, levels, values: own }) => {
      const of = (name) => values[`${id}.${key}.${name}`];
      if (stops) {
        const [low, high] = [of("low"), of("high")];
        const narrowed = low > stops[0] || high < stops.at(-1);
        return (i) => (own[i] === null ? !narrowed : low <= own[i] && own[i] <= high);
      }
      const chosen = levels.map(of);
      return (i) => (own[i] === null ? chosen.every(Boolean) : chosen[own[i]]);
    });
    return [...effects.keys()].filter((i) => keeps.every((keep) => keep(i)));
  };

  return { OUTCOMES, summary, kept };
})();

document.addEventListener("DOMContentLoaded", () => all(".narrowing").forEach((box) => {
  const { OUTCOMES, summary, kept } = narrowing;
  const { sentence, soon, telling, controls, among, chart } = parts;
  const [data, words] = ["data", "words"].map((name) => JSON.parse(one(`.${name}`, box).textContent));
  const { effects, outcomes, axes, margin } = data;
  const id = box.id.replace("narrow-", "");
  const plain = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
  const signed = (value, decimals) =>
    value.toFixed(decimals).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");

  const percent = (value) => (100 * value).toFixed(1);
  const part = ({ count, low, high }) => fill(words.share, { count, low: percent(low), high: percent(high) });
  // in points, with the decimals that study.report.text.Text.fill gives them
  const points = (mean, half) => {
    const decimals = half > 0 && half < 0.1 ? 2 : 1;
    const text = `${mean > 0 ? "+" : ""}${signed(mean, decimals)}`;
    return Number.isFinite(half) ? `${text}\u00a0±\u00a0${half.toFixed(decimals)}` : text;
  };
  const said = ({ n, mean, half, ...shares }) => sentence(n ? words.some : words.nothing, {
    left: n, all: effects.length, mean: points(100 * mean, 100 * half),
    ...Object.fromEntries(OUTCOMES.map((name) => [name, part(shares[name])])),
  });

  // as in the figure: ▲ ● ▼
  const mark = (place, x, y) => (place === 1 ? draw("circle", { cx: x, cy: y, r: 3 })
    : draw("path", { d: `M${x - 3.5} ${place ? y - 3 : y + 3}h7l-3.5 ${place ? 6 : -6}z` }));

  // The curve of what is left, on the scale of all settings.
  const [low, high] = [Math.min(effects[0], -margin), Math.max(effects.at(-1), margin)];
  const at = (effect) => (effect - low) / (high - low);
  const ticks = () => {
    const power = 10 ** Math.floor(Math.log10(20 * (high - low)));
    const step = [1, 2, 5, 10].map((first) => first * power).find((each) => each >= 20 * (high - low));
    const count = Math.floor(100 * high / step) - Math.ceil(100 * low / step);
    return Array.from({ length: count + 1 }, (_, i) => (Math.ceil(100 * low / step) + i) * step)
      .map((value) => ({ at: at(value / 100), text: signed(value, step < 1 ? 1 : 0) }));
  };
  const curve = (left, label) => chart(one(".curve", box), {
    height: 260, label, lines: [], xs: [{ at: 0.5, text: words.sorted }], ys: ticks(),
    marks: (x, y) => [
      draw("path", { class: "zero", d: `M${x(0)} ${y(at(0))}H${x(1)}` }),
      ...[-margin, margin].map((edge) =>
        draw("path", { class: "edge", d: `M${x(0)} ${y(at(edge))}H${x(1)}` })),
      ...left.map((i, place) => {
        const [across, up] = [x((place + 0.5) / left.length), y(at(effects[i]))];
        return draw("g", { class: OUTCOMES[outcomes[i]] },
          draw("path", { class: "stem", d: `M${across} ${y(at(0))}V${up}` }),
          mark(outcomes[i], across, up));
      }),
    ],
  });

  const tell = telling(one(".said", box));
  const follow = soon(() => {
    const left = kept(data, values, id);
    const count = { left: left.length, all: effects.length };
    one(".left", box).textContent = left.length < effects.length ? fill(words.short, count) : "";
    if (!box.open) return; // the curve has no width yet
    const found = summary(data, left);
    const text = said(found);
    one(".found", box).textContent = text;
    tell(text);
    all(".count", box).forEach((node, i) => { node.textContent = found[OUTCOMES[i]].count; });
    curve(left, text);
  });
  const kinds = axes.flatMap(({ key, stops, levels }) => (stops
    ? ["low", "high"].map((end) => [`${id}.${key}.${end}`, { ...among(stops), text: (value) => plain.format(value) }])
    : levels.map((level) => [`${id}.${key}.${level}`, {}])));
  const { values, turn } = controls(box, Object.fromEntries(kinds), follow);
  const everything = { ...values };
  on(one(".everything", box), "click", () => {
    for (const name in everything) turn(name, everything[name]);
  });
  all(".lines svg", box).forEach((key, place) => key.append(mark(place, 0, 0)));
  on(box, "toggle", follow);
  on(window, "resize", follow);
  box.hidden = false;
}));
