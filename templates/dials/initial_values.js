// The live figure of section 1.2: an untrained network of any width and depth, looked at layer by layer.

document.addEventListener("DOMContentLoaded", () => {
  const article = byId("dials-initial_values");
  if (!article) return;
  const { ACTIVATIONS, probe, random, normals } = network;
  const { number, percent, sentence, soon, whenNear, telling, controls, chart } = parts;
  const [FEATURES, CLASSES] = [100, 10]; // of study.data's gaussian
  const INPUTS = [20, 200]; // at least, at most
  const PRODUCTS = 7e7; // multiplications of a pass: half of the tenth of a second that it may take
  const VANISHED = 0.1; // of the last layer's gradient, as in the claims
  const words = JSON.parse(one(".words", article).textContent);

  // Numbers of N(0, 1) of which every network takes the first: what is seen to change is what was turned.
  const drawn = new Map();
  const normal = (which, n) => {
    if (!(drawn.get(which)?.length >= n)) drawn.set(which, normals(random(0, which), n));
    return drawn.get(which).subarray(0, n);
  };
  const labels = (n) => {
    const uniform = random(0, -2);
    return Array.from({ length: n }, () => Math.floor(CLASSES * uniform()));
  };

  const measure = ({ std, activation, batchnorm, width, depth }) => {
    const sizes = [FEATURES, ...new Array(depth).fill(width), CLASSES];
    const shapes = sizes.slice(1).map((fanOut, l) => sizes[l] * fanOut);
    // there and back, but not back into the inputs
    const cost = 2 * shapes.reduce((a, b) => a + b) - shapes[0];
    const n = 4 * Math.floor(Math.min(Math.max(PRODUCTS / cost, INPUTS[0]), INPUTS[1]) / 4);
    const layers = probe({
      images: normal(-1, n * FEATURES), labels: labels(n), sizes, std, activation, batchnorm,
      weights: shapes.map((size, l) => normal(l, size)),
    });
    return { n, layers };
  };

  const histogram = ({ counts, below, above, sd }, layer, range) => {
    const most = Math.max(...counts, 1);
    const wide = 100 / counts.length;
    const bar = (count, i) =>
      `M${(i * wide).toFixed(2)} 60v${(-58 * count / most).toFixed(1)}h${wide.toFixed(2)}V60`;
    const bars = counts.map((count, i) => (count ? bar(count, i) : "")).join("");
    const outside = above / (counts.reduce((a, b) => a + b) + below + above); // ReLU's only
    const title = fill(words.layer, { layer });
    const lines = [fill(words.sd, { sd: number(sd) }),
      outside ? fill(words.above, { share: percent(outside), limit: number(range[1]) }) : ""];
    return el("figure", {}, el("figcaption", {}, title),
      draw("svg", { viewBox: "0 0 100 60", preserveAspectRatio: "none", "aria-hidden": true },
        draw("path", { class: "bars", d: bars }), draw("path", { class: "rule", d: "M0 60H100" })),
      el("small", { class: "ends" }, ...range.map((end) => el("span", {}, number(end)))),
      ...lines.map((line) => el("small", {}, line)));
  };

  const byLayer = (where, label, shares, ys) => chart(one(where, article), {
    height: 170, label, ys,
    xs: shares.map((_, i) => i).filter((i) => shares.length <= 10 || i % 5 === 4 || !i)
      .map((i) => ({ at: (i + 0.5) / shares.length, text: `${i + 1}` })),
    lines: [{
      name: "one", marked: true,
      points: shares.map((share, i) => (share === null ? null : [(i + 0.5) / shares.length, share])),
    }],
  });

  const gradients = (ratios) => {
    const powers = ratios.map((ratio) => (ratio > 0 ? Math.log10(ratio) : null));
    const known = powers.filter((power) => power !== null);
    const low = Math.min(-1, Math.floor(Math.min(...known)));
    const high = Math.max(1, Math.ceil(Math.max(...known)));
    const apart = Math.ceil((high - low) / 5);
    const ys = [];
    for (let power = Math.ceil(low / apart) * apart; power <= high; power += apart) {
      ys.push({ at: (power - low) / (high - low), text: number(10 ** power, 1).replace("1·", "") });
    }
    return [powers.map((power) => power === null ? null : (power - low) / (high - low)), ys];
  };

  const show = ({ n, layers }, { activation }) => {
    const depth = layers.length;
    const last = layers.at(-1);
    const ratios = layers.map(({ gradient }) => last.gradient ? gradient / last.gradient : NaN);
    const picked = new Set(Array.from({ length: 5 }, (_, i) => Math.round(i * (depth - 1) / 4)));
    one(".histograms", article).replaceChildren(
      ...[...picked].map((l) => histogram(layers[l], l + 1, ACTIVATIONS[activation].range)));
    const shares = layers.map(({ saturated }) => saturated);
    const kind = !(ratios[0] > 0) ? "nothing" : ratios[0] < VANISHED ? "vanishes"
      : ratios[0] > 1 / VANISHED ? "explodes" : "arrives";
    const said = sentence(words[kind], { ratio: number(ratios[0]), last: depth });
    const flat = sentence(words.flat, { share: percent(last.saturated), last: depth, sd: number(last.sd) });
    byLayer(".saturated", flat, shares, [0, 0.5, 1].map((at) => ({ at, text: percent(at) })));
    byLayer(".gradient", said, ...gradients(ratios));
    one(".found", article).textContent = `${said} ${flat}`;
    tell(`${said} ${flat}`);
    one(".inputs", article).textContent = fill(words.inputs, { inputs: n });
    one("tbody", article).replaceChildren(...layers.map((layer, l) => el("tr", {},
      el("th", { scope: "row" }, `${l + 1}`),
      ...[number(layer.mean, 3), number(layer.sd, 3), percent(layer.saturated), number(layer.gradient, 3),
        number(ratios[l], 3)].map((text) => el("td", { class: "n" }, text)))));
  };

  const tell = telling(one(".said", article));

  let near = false;
  const follow = soon(() => {
    if (!near) return;
    const { std, width } = values;
    for (const button of all(".marks button", article)) {
      const scheme = Math.sqrt(button.dataset.scale / width);
      button.style.setProperty("--at", (Math.log10(scheme) - low) / (high - low));
      button.ariaPressed = Math.abs(std / scheme - 1) < 1e-9;
      button.title = number(scheme, 3);
    }
    show(measure(values), values);
  });
  const { values, turn } = controls(article, {
    std: { from: (position) => 10 ** position, to: Math.log10, text: (value) => number(value, 3) },
    activation: { from: String, to: String },
    batchnorm: {},
    width: {},
    depth: {},
  }, follow);
  const [low, high] = ["min", "max"].map((end) => Number(one("[name=std]", article)[end]));
  for (const button of all(".marks button", article)) {
    on(button, "click", () => turn("std", Math.sqrt(button.dataset.scale / values.width)));
  }
  on(window, "resize", follow);
  one(".live", article).hidden = false;
  whenNear(article, () => {
    near = true;
    follow();
  });
});
