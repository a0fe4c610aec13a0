// The network of the dials: what study/network computes, in the reader's browser. Matrices are
// Float64Arrays, row by row; weights are (fanIn × fanOut) as there.
"use strict";

const network = (() => {
  // a bᵀ for a (n × k) and b (m × k). Four rows of a against two of b keep their sums in registers,
  // and both are read in order. A last block that is not full begins earlier: n >= 4, m >= 2.
  const product = (a, b, n, m, k, out = new Float64Array(n * m)) => {
    for (let i = 0; i < n; i += 4) {
      const r = Math.min(i, n - 4);
      const a0 = r * k, a1 = a0 + k, a2 = a1 + k, a3 = a2 + k;
      for (let j = 0; j < m; j += 2) {
        const c = Math.min(j, m - 2);
        const b0 = c * k, b1 = b0 + k;
        let s00 = 0, s01 = 0, s10 = 0, s11 = 0, s20 = 0, s21 = 0, s30 = 0, s31 = 0;
        for (let p = 0; p < k; p++) {
          const y = b[b0 + p], z = b[b1 + p];
          let x = a[a0 + p];
          s00 += x * y; s01 += x * z;
          x = a[a1 + p];
          s10 += x * y; s11 += x * z;
          x = a[a2 + p];
          s20 += x * y; s21 += x * z;
          x = a[a3 + p];
          s30 += x * y; s31 += x * z;
        }
        let o = r * m + c;
        out[o] = s00; out[o + 1] = s01;
        o += m;
        out[o] = s10; out[o + 1] = s11;
        o += m;
        out[o] = s20; out[o + 1] = s21;
        o += m;
        out[o] = s30; out[o + 1] = s31;
      }
    }
    return out;
  };

  const transpose = (a, n, m, out = new Float64Array(n * m)) => {
    for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) out[j * n + i] = a[i * m + j];
    return out;
  };

  // The slope is that of the value y; near a limit, by NEAR_LIMIT of study/network/probes.py, it is flat.
  const ACTIVATIONS = {
    sigmoid: {
      value: (x) => 1 / (1 + Math.exp(-x)), slope: (y) => y * (1 - y),
      limits: [0, 1], near: 0.05, range: [0, 1],
    },
    tanh: {
      value: Math.tanh, slope: (y) => 1 - y * y,
      limits: [-1, 1], near: 0.05, range: [-1, 1],
    },
    relu: {
      value: (x) => Math.max(x, 0), slope: (y) => +(y > 0),
      limits: [0], near: 0, range: [0, 1],
    },
  };
  const BINS = 30;
  const EPS = 1e-5; // of batch normalisation

  // x, of shape (n × m), becomes (x − μ) / σ over its rows; returns 1/σ of each column.
  const normalise = (x, n, m) => {
    const scale = new Float64Array(m);
    for (let j = 0; j < m; j++) {
      let mean = 0, variance = 0;
      for (let i = j; i < x.length; i += m) mean += x[i];
      mean /= n;
      for (let i = j; i < x.length; i += m) {
        x[i] -= mean;
        variance += x[i] * x[i];
      }
      scale[j] = 1 / Math.sqrt(variance / n + EPS);
      for (let i = j; i < x.length; i += m) x[i] *= scale[j];
    }
    return scale;
  };

  // g becomes the gradient before the normalisation: (g − mean g − x̂ mean(g x̂)) / σ.
  const normaliseBack = (g, normalised, scale, n, m) => {
    for (let j = 0; j < m; j++) {
      let sum = 0, along = 0;
      for (let i = j; i < g.length; i += m) {
        sum += g[i];
        along += g[i] * normalised[i];
      }
      for (let i = j; i < g.length; i += m) g[i] = (g[i] - (sum + normalised[i] * along) / n) * scale[j];
    }
  };

  // logits become softmax − label, n times the gradient of the mean cross-entropy; returns the mean
  // loss and the share of rows whose largest logit is the label's.
  const crossEntropy = (logits, labels, classes) => {
    let loss = 0, right = 0;
    labels.forEach((label, i) => {
      const row = logits.subarray(i * classes, (i + 1) * classes);
      const chosen = row[label];
      let best = 0, total = 0;
      for (let j = 1; j < classes; j++) if (row[j] > row[best]) best = j;
      const largest = row[best];
      for (let j = 0; j < classes; j++) total += row[j] = Math.exp(row[j] - largest);
      for (let j = 0; j < classes; j++) row[j] /= total;
      row[label] -= 1;
      loss += Math.log(total) + largest - chosen;
      right += best === label;
    });
    return { loss: loss / labels.length, accuracy: right / labels.length };
  };

  const describe = (y, gradient, { limits, near, range: [low, high] }) => {
    const counts = new Array(BINS).fill(0);
    let sum = 0, squares = 0, flat = 0, below = 0, above = 0, norm = 0;
    for (const value of y) {
      sum += value;
      if (limits.some((limit) => Math.abs(value - limit) <= near)) flat++;
      if (value < low) below++;
      else if (value > high) above++;
      else counts[Math.min(Math.floor((value - low) / (high - low) * BINS), BINS - 1)]++;
    }
    const mean = sum / y.length;
    for (const value of y) squares += (value - mean) ** 2;
    for (const value of gradient) norm += value * value;
    return {
      mean, sd: Math.sqrt(squares / y.length), saturated: flat / y.length, gradient: Math.sqrt(norm),
      counts, below, above,
    };
  };

  // One training pass of a network as it was drawn (study.network.probes.trace): of each hidden
  // layer what its activations are like, and the norm of ∂L/∂activation, L the mean loss.
  //   images: (n × sizes[0]); labels: n class ids; sizes: units from input to logits;
  //   weights: a matrix for each layer, of which std is a factor.
  const probe = ({ images, labels, sizes, weights, std, activation, batchnorm }) => {
    const f = ACTIVATIONS[activation];
    const n = labels.length;
    const last = weights.length - 1;
    const scratch = new Float64Array(Math.max(...weights.map((weight) => weight.length)));
    const outputs = [], normalised = [], scales = [];
    let x = images;
    weights.forEach((weight, l) => {
      const [fanIn, fanOut] = [sizes[l], sizes[l + 1]];
      x = product(x, transpose(weight, fanIn, fanOut, scratch), n, fanOut, fanIn);
      for (let i = 0; i < x.length; i++) x[i] *= std;
      if (l < last) {
        if (batchnorm) {
          scales.push(normalise(x, n, fanOut));
          normalised.push(x.slice());
        }
        for (let i = 0; i < x.length; i++) x[i] = f.value(x[i]);
        outputs.push(x);
      }
    });
    crossEntropy(x, labels, sizes.at(-1));
    const layers = [];
    let gradient = x;
    for (let i = 0; i < gradient.length; i++) gradient[i] /= n;
    for (let l = last - 1; l >= 0; l--) {
      const width = sizes[l + 1];
      gradient = product(gradient, weights[l + 1], n, width, sizes[l + 2]);
      for (let i = 0; i < gradient.length; i++) gradient[i] *= std;
      layers.unshift(describe(outputs[l], gradient, f));
      for (let i = 0; i < gradient.length; i++) gradient[i] *= f.slope(outputs[l][i]);
      if (batchnorm) normaliseBack(gradient, normalised[l], scales[l], n, width);
    }
    return layers;
  };

  // --- Training

  // Images of bytes as their pixels that are not 0, four fifths of MNIST are: of row i, columns and
  // values from starts[i] to starts[i + 1].
  const sparse = (bytes, width) => {
    const starts = [0], columns = [], values = [];
    for (let row = 0; row < bytes.length; row += width) {
      for (let j = 0; j < width; j++) {
        if (bytes[row + j]) {
          columns.push(j);
          values.push(bytes[row + j] / 255);
        }
      }
      starts.push(columns.length);
    }
    return {
      starts: Int32Array.from(starts), columns: Uint16Array.from(columns), values: Float64Array.from(values),
    };
  };

  // The product of the sparse rows with a weight matrix that has width >= 4 columns, four at a time.
  const spread = (weight, width, { starts, columns, values }, rows) => {
    const out = new Float64Array(rows.length * width);
    rows.forEach((row, i) => {
      const [from, to] = [starts[row], starts[row + 1]];
      for (let j = 0; j < width; j += 4) {
        const c = Math.min(j, width - 4), o = i * width + c;
        let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        for (let p = from; p < to; p++) {
          const value = values[p], w = columns[p] * width + c;
          s0 += value * weight[w];
          s1 += value * weight[w + 1];
          s2 += value * weight[w + 2];
          s3 += value * weight[w + 3];
        }
        out[o] = s0; out[o + 1] = s1; out[o + 2] = s2; out[o + 3] = s3;
      }
    });
    return out;
  };

  // weight loses rate times the transposed sparse rows times gradient.
  const gather = (weight, width, { starts, columns, values }, rows, gradient, rate) => {
    rows.forEach((row, i) => {
      const g = i * width;
      for (let p = starts[row]; p < starts[row + 1]; p++) {
        const value = rate * values[p], w = columns[p] * width;
        for (let j = 0; j < width; j++) weight[w + j] -= value * gradient[g + j];
      }
    });
  };

  // Logits of the samples rows, with all that the way back needs. The masks, one for each hidden layer,
  // are 0 where a unit is dropped and 1 / (1 − rate) where it is kept; without any, none is dropped.
  const forward = ({ sizes, weights, biases }, samples, rows, masks) => {
    const n = rows.length;
    const outputs = [];
    let x = spread(weights[0], sizes[1], samples, rows);
    weights.forEach((weight, l) => {
      const [fanIn, fanOut] = [sizes[l], sizes[l + 1]];
      if (l) x = product(x, transpose(weight, fanIn, fanOut), n, fanOut, fanIn);
      const bias = biases[l];
      for (let i = 0; i < n; i++) for (let j = 0; j < fanOut; j++) x[i * fanOut + j] += bias[j];
      if (l < weights.length - 1) {
        const mask = masks?.[l];
        for (let i = 0; i < x.length; i++) x[i] = Math.max(x[i], 0) * (mask ? mask[i] : 1);
        outputs.push(x);
      }
    });
    return { outputs, logits: x };
  };

  // Mean loss and accuracy of ReLU network net on all samples, where nothing is dropped.
  const evaluate = (net, samples) => crossEntropy(
    forward(net, samples, [...samples.labels.keys()]).logits,
    samples.labels, net.sizes.at(-1));

  // One update of net by the mini-batch rows (study.network.optimizer.SGD without momentum): the decay
  // acts on weights, not on biases. Returns the batch's loss before it.
  const step = (net, samples, rows, { lr, decay }, masks) => {
    const { sizes, weights, biases } = net;
    const n = rows.length;
    const { outputs, logits } = forward(net, samples, rows, masks);
    const { loss } = crossEntropy(logits, rows.map((row) => samples.labels[row]), sizes.at(-1));
    if (!Number.isFinite(loss)) return loss; // the network stays as it was
    const rate = lr / n;
    const keep = 1 - lr * decay;
    let gradient = logits;
    for (let l = weights.length - 1; l >= 0; l--) {
      const [fanIn, fanOut] = [sizes[l], sizes[l + 1]];
      const weight = weights[l];
      // before the weights change
      const below = l && product(gradient, weight, n, fanIn, fanOut);
      for (let i = 0; i < weight.length; i++) weight[i] *= keep;
      if (l) {
        const [x, g] = [transpose(outputs[l - 1], n, fanIn), transpose(gradient, n, fanOut)];
        const change = product(x, g, fanIn, fanOut, n);
        for (let i = 0; i < weight.length; i++) weight[i] -= rate * change[i];
      } else {
        gather(weight, fanOut, samples, rows, gradient, rate);
      }
      const bias = biases[l];
      for (let i = 0; i < n; i++) for (let j = 0; j < fanOut; j++) bias[j] -= rate * gradient[i * fanOut + j];
      if (l) {
        const mask = masks?.[l - 1];
        for (let i = 0; i < below.length; i++) below[i] *= outputs[l - 1][i] > 0 ? mask ? mask[i] : 1 : 0;
        gradient = below;
      }
    }
    return loss;
  };

  // --- Chance, the same for the same seeds

  // Numbers in [0, 1): sfc32, like the study's own generator of the family SFC, from any whole numbers.
  const random = (...seeds) => {
    let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
    const next = () => {
      const t = (a + b + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = ((c << 21) | (c >>> 11)) + t | 0;
      return (t >>> 0) / 4294967296;
    };
    for (const seed of seeds) {
      a ^= seed;
      for (let i = 0; i < 15; i++) next();
    }
    return next;
  };

  // n numbers of N(0, 1): Marsaglia's polar method, in pairs.
  const normals = (uniform, n) => {
    const out = new Float64Array(n);
    for (let i = 0; i < n; i += 2) {
      let x, y, s;
      do {
        x = 2 * uniform() - 1;
        y = 2 * uniform() - 1;
        s = x * x + y * y;
      } while (s >= 1 || s === 0);
      const factor = Math.sqrt(-2 * Math.log(s) / s);
      out[i] = x * factor;
      if (i + 1 < n) out[i + 1] = y * factor;
    }
    return out;
  };

  // 0 … n − 1 in random order: Fisher and Yates.
  const shuffled = (uniform, n) => {
    const order = Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = Math.floor(uniform() * (i + 1));
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  };

  return { ACTIVATIONS, probe, sparse, evaluate, step, random, normals, shuffled };
})();
