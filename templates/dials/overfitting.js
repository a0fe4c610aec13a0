// The live figure of section 1.4: a small network learns the images that the page carries.

document.addEventListener("DOMContentLoaded", () => {
  const article = byId("dials-overfitting");
  if (!article) return;
  const { evaluate, normals, random, shuffled, sparse, step } = network;
  const { number, percent, sentence, soon, whenNear, controls, among, chart } = parts;
  const SIZES = [784, 50, 50, 10];
  const [IMAGES, BATCH, EPOCHS] = [300, 100, 100];
  const KEPT = 8; // runs in the table
  const SLICE = 12; // milliseconds of work for each picture on the screen
  const words = JSON.parse(one(".words", article).textContent);
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  // The page's images (study.report.dials): a label and 784 pixels each, first those to train on.
  const unpack = async () => {
    const packed = Uint8Array.from(atob(one(".images", article).textContent.trim()), (char) => char.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const size = 1 + SIZES[0];
    const images = Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
    return [images.slice(0, IMAGES), images.slice(IMAGES)].map((part) => ({
      labels: part.map(([label]) => label),
      ...sparse(Uint8Array.from(part.flatMap((image) => [...image.subarray(1)])), SIZES[0]),
    }));
  };

  const start = ({ seed, ...dials }) => ({
    dials, seed, epoch: 0, curves: [[], []], diverged: false,
    net: {
      sizes: SIZES,
      weights: SIZES.slice(1).map((fanOut, l) => // He
        normals(random(seed, l), SIZES[l] * fanOut).map((value) => value * Math.sqrt(2 / SIZES[l]))),
      biases: SIZES.slice(1).map((fanOut) => new Float64Array(fanOut)),
    },
    order: random(seed, -1), dropped: random(seed, -2),
  });
  const measured = (run) => samples.forEach((part, i) => run.curves[i].push(evaluate(run.net, part).accuracy));
  const masks = ({ dropped, dials: { dropout } }) => (dropout ? SIZES.slice(1, -1).map((width) =>
    Float64Array.from({ length: BATCH * width }, () => (dropped() < dropout ? 0 : 1 / (1 - dropout)))) : null);
  const advance = (run) => { // an epoch
    const order = shuffled(run.order, IMAGES);
    for (let first = 0; first < IMAGES && !run.diverged; first += BATCH) {
      const { lr, decay } = run.dials;
      run.diverged = !Number.isFinite(step(run.net, samples[0], order.slice(first, first + BATCH), { lr, decay }, masks(run)));
    }
    run.epoch += 1;
    if (!run.diverged) measured(run);
  };
  const ended = (run) => run.diverged || run.epoch >= EPOCHS;

  let samples = null;
  let run = null; // the one of these dials
  let before = null; // the last one that ended
  let going = false;
  const runs = new Map(); // that ended, by what was chosen

  const results = ({ curves: [train, test] }) => {
    const [a, b] = [train, test].map((curve) => 100 * curve.at(-1));
    return { train: a.toFixed(1), test: b.toFixed(1), gap: (a - b).toFixed(1).replace("-", "−") };
  };
  const told = (which) => sentence(words[which.diverged ? "lost" : "status"], { epoch: which.epoch, all: EPOCHS, ...results(which) });
  const row = (which) => {
    const { dials: { decay, dropout, lr }, seed, diverged } = which;
    const { train, test, gap } = results(which);
    return el("tr", {}, ...[number(decay), number(dropout), number(lr), seed, ...(diverged ? ["✕", "✕", "✕"] : [train, test, gap])]
      .map((text) => el("td", { class: "n" }, `${text}`)));
  };
  const show = () => {
    const points = (curve) => curve.map((share, epoch) => [epoch / EPOCHS, share]);
    const lines = [["before train", before?.curves[0]], ["before test", before?.curves[1]], ["train", run?.curves[0]], ["test", run?.curves[1]]];
    const said = run?.curves[0].length ? told(run) : "";
    chart(one(".curves", article), {
      height: 300, label: said || words.empty,
      xs: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: `${at * EPOCHS}` })),
      ys: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: percent(at) })),
      lines: lines.filter(([, curve]) => curve).map(([name, curve]) => ({ name, points: points(curve) })),
    });
    one(".now", article).textContent = said;
    one(".table", article).hidden = !runs.size;
    one("tbody", article).replaceChildren(...[...runs.values()].reverse().map(row));
    one(".train", article).textContent = going ? words.pause : words.train;
  };

  const work = () => {
    if (!going) return;
    const until = performance.now() + SLICE;
    do advance(run); while (!ended(run) && performance.now() < until);
    going = !ended(run);
    if (going) requestAnimationFrame(work);
    else {
      const { decay, dropout, lr } = run.dials;
      const key = [decay, dropout, lr, run.seed].join();
      runs.delete(key);
      runs.set(key, run);
      if (runs.size > KEPT) runs.delete(runs.keys().next().value);
      one(".found", article).textContent = told(run);
    }
    if (!going || !calm.matches) show();
  };
  const go = () => {
    if (!going || !samples) return;
    requestAnimationFrame(work);
  };
  const restart = () => {
    if (run && ended(run)) before = run;
    run = start(values);
    measured(run);
    one(".found", article).textContent = "";
  };
  // what was turned begins a run of its own, at once if one was begun before
  const follow = soon(() => {
    const chosen = JSON.stringify(values);
    if (!samples || chosen === shown) return;
    const begun = going || run?.epoch;
    shown = chosen;
    restart();
    const idle = !going;
    going = Boolean(begun);
    show();
    if (idle) go();
  });
  let shown = "";
  const { values, turn } = controls(article, {
    decay: among([0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]),
    dropout: { text: (value) => number(value) },
    lr: among([0.003, 0.01, 0.03, 0.1, 0.3, 1]),
    seed: {},
  }, follow);
  on(one(".train", article), "click", () => {
    if (!samples) return;
    if (going) going = false;
    else {
      if (ended(run)) restart();
      going = true;
      go();
    }
    show();
  });
  on(one(".reseed", article), "click", () => turn("seed", values.seed + 1));
  on(window, "resize", soon(show));
  one(".live", article).hidden = false;
  whenNear(article, async () => {
    samples = await unpack();
    follow();
  });
});
