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
    const characters = atob(one(".images", article).textContent.trim());
    const packed = Uint8Array.from(characters, (character) => character.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const size = 1 + SIZES[0];
    const image = (_, i) => bytes.subarray(i * size, (i + 1) * size);
    const images = Array.from({ length: bytes.length / size }, image);
    return [images.slice(0, IMAGES), images.slice(IMAGES)].map((part) => ({
      labels: part.map(([label]) => label),
      ...sparse(Uint8Array.from(part.flatMap(([, ...pixels]) => pixels)), SIZES[0]),
    }));
  };

  const start = ({ seed, ...dials }) => {
    const run = { dials, seed, epoch: 0, curves: [[], []] };
    run.net = {
      sizes: SIZES,
      weights: SIZES.slice(1).map((fanOut, l) => // He
        normals(random(seed, l), SIZES[l] * fanOut).map((value) => value * Math.sqrt(2 / SIZES[l]))),
      biases: SIZES.slice(1).map((fanOut) => new Float64Array(fanOut)),
    };
    measure(run);
    run.work = training(run);
    return run;
  };
  const measure = (run) => samples.forEach((part, i) => run.curves[i].push(evaluate(run.net, part).accuracy));

  // all of a run, in pieces that a slow phone does within a picture or two
  const training = function* (run) {
    const { lr, decay, dropout } = run.dials;
    const [order, dropped] = [random(run.seed, -1), random(run.seed, -2)];
    const mask = (width) => Float64Array.from({ length: BATCH * width },
      () => (dropped() < dropout ? 0 : 1 / (1 - dropout)));
    while (run.epoch < EPOCHS) {
      const rows = shuffled(order, IMAGES);
      for (let first = 0; first < IMAGES; first += BATCH) {
        const masks = dropout ? SIZES.slice(1, -1).map(mask) : null;
        step(run.net, samples[0], rows.slice(first, first + BATCH), { lr, decay }, masks);
        yield;
      }
      run.epoch += 1;
      measure(run);
      yield;
    }
  };
  const ended = (run) => run.epoch === EPOCHS;

  let samples = null;
  let run = null; // the one of these dials
  let before = null; // the last one that ended
  let going = false;
  const runs = new Map(); // that ended, by what was chosen

  const results = ({ curves: [train, test] }) => {
    const [a, b] = [train, test].map((curve) => 100 * curve.at(-1));
    return { train: a.toFixed(1), test: b.toFixed(1), gap: (a - b).toFixed(1).replace("-", "−") };
  };
  const told = (which) => sentence(words.status, { epoch: which.epoch, all: EPOCHS, ...results(which) });
  const row = (which) => {
    const { dials: { decay, dropout, lr }, seed } = which;
    const chosen = [number(decay), number(dropout), number(lr), `${seed}`];
    return el("tr", {}, ...[...chosen, ...Object.values(results(which))]
      .map((text) => el("td", { class: "n" }, text)));
  };
  const show = () => {
    const points = (curve) => curve.map((share, epoch) => [epoch / EPOCHS, share]);
    const lines = [before, run].flatMap((which) => (which ? ["train", "test"].map((name, i) => ({
      name: which === run ? name : `before ${name}`, points: points(which.curves[i]),
    })) : []));
    const said = told(run);
    chart(one(".curves", article), {
      height: 300, label: said, lines,
      xs: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: `${at * EPOCHS}` })),
      ys: [0, 0.25, 0.5, 0.75, 1].map((at) => ({ at, text: percent(at) })),
    });
    one(".now", article).textContent = said;
    one(".train", article).textContent = going ? words.pause : words.train;
  };

  // the run that ended, in the table of the last ones
  const note = () => {
    const key = JSON.stringify([run.dials, run.seed]);
    runs.delete(key);
    runs.set(key, run);
    if (runs.size > KEPT) runs.delete(runs.keys().next().value);
    one("tbody", article).replaceChildren(...[...runs.values()].reverse().map(row));
    one(".table", article).hidden = false;
    one(".found", article).textContent = told(run);
  };
  const go = soon(() => {
    if (!going) return;
    const until = performance.now() + SLICE;
    do run.work.next(); while (!ended(run) && performance.now() < until);
    going = !ended(run);
    if (going) go();
    else note();
    if (!going || !calm.matches) show();
  });
  const restart = () => {
    if (run && ended(run)) before = run;
    run = start(values);
    one(".found", article).textContent = "";
  };
  // what was turned begins a run of its own, at once if one was begun before
  let chosen;
  const follow = soon(() => {
    const now = JSON.stringify(values);
    if (!samples || chosen === now) return;
    chosen = now;
    going ||= Boolean(run?.epoch);
    restart();
    show();
    go();
  });
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
  on(one(".reseed", article), "click", () => turn("seed", (values.seed + 1) % 10000));
  on(window, "resize", soon(() => run && show()));
  one(".live", article).hidden = false;
  whenNear(article, async () => {
    samples = await unpack();
    follow();
  });
});
