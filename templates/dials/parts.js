// What the live figures share: controls whose values are in the address, numbers as words, a chart.
// el, draw, fill, one, all, on, state and widgets are those of script.js.

const parts = (() => {
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  // 0.046, 12, 3.1·10⁻⁷
  const number = (value, digits = 2) => {
    if (!Number.isFinite(value)) return "–";
    const [mantissa, power] = value.toExponential(digits - 1).split("e");
    const plain = value === 0 || (power > -4 && power < 4);
    const raised = () => [...`${Math.abs(power)}`].map((digit) => SUPERSCRIPTS[digit]).join("");
    const text = plain ? `${Number(Number(value).toPrecision(digits))}`
      : `${mantissa}·10${power < 0 ? "⁻" : ""}${raised()}`;
    return text.replace("-", "−");
  };
  const percent = (share) => {
    const value = 100 * share;
    return `${value.toFixed(value > 0 && value < 10 ? 1 : 0)}\u00a0%`;
  };

  // a template with its values, its units on the line of their numbers
  const sentence = (template, values) => fill(template, values).replace(/([\d×]) (?=[\d%])/g, "$1\u00a0");

  // act, at most once for each picture on the screen
  const soon = (act) => {
    let asked = false;
    return () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        act();
      });
    };
  };

  // act when the reader comes near
  const whenNear = (node, act) => {
    const observer = new IntersectionObserver((entries) => {
      if (entries.every((entry) => !entry.isIntersecting)) return;
      observer.disconnect();
      act();
    }, { rootMargin: "50% 0px" });
    observer.observe(node);
  };

  // for those who hear it: once, when nothing is turned any more
  const telling = (node) => {
    let waiting;
    return (text) => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { node.textContent = text; }, 700);
    };
  };

  // The controls of a figure's form. Each kind says how a position becomes a value (from) and a
  // value a position (to), and its words (text). follow() is called after any change.
  const controls = (article, kinds, follow) => {
    const form = one("form", article);
    const plain = { from: Number, to: Number, text: String };
    const dials = Object.entries(kinds).map(([name, kind]) => {
      const input = form.elements[name];
      const own = { name, input, ...plain, ...kind };
      const select = input.tagName === "SELECT";
      own.position = () => (input.type === "checkbox" ? Number(input.checked) : input.value);
      own.usual = own.from(own.position());
      own.valid = (value) => {
        if (select) return [...input.options].some((option) => option.value === value);
        if (input.type === "checkbox") return value === 0 || value === 1;
        return own.to(value) >= input.min - 1e-9 && own.to(value) <= Number(input.max) + 1e-9;
      };
      return own;
    });
    const values = Object.fromEntries(dials.map(({ name, usual }) => [name, usual]));
    const say = ({ name, input, text }) => {
      if (input.type !== "range") return;
      const words = text(values[name]);
      one(".value", input.parentElement).textContent = words;
      input.setAttribute("aria-valuetext", words);
    };
    let waiting;
    const keep = () => { // browsers allow a page some hundred entries a minute
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        for (const { name, usual } of dials) {
          if (values[name] === usual) state.delete(`dial.${name}`);
          else state.set(`dial.${name}`, values[name]);
        }
        history.replaceState(`${state}`, "", `#${article.id}?${state}`);
      }, 300);
    };
    const set = (name, value) => {
      const own = dials.find((each) => each.name === name);
      values[name] = value;
      if (own.input.type === "checkbox") own.input.checked = value;
      else own.input.value = own.to(value);
      say(own);
    };
    const turn = (name, value) => {
      set(name, value);
      keep();
      follow();
    };
    on(form, "input", ({ target }) => {
      const own = dials.find(({ input }) => input === target);
      values[own.name] = own.from(own.position());
      say(own);
      keep();
      follow();
    });
    on(form, "submit", (event) => event.preventDefault());
    widgets.push(() => {
      for (const { name, usual, input, valid } of dials) {
        const found = state.get(`dial.${name}`);
        const value = input.tagName === "SELECT" ? found : Number(found);
        set(name, found !== null && valid(value) ? value : usual);
      }
      follow();
    });
    return { values, turn };
  };

  // A slider through a few values.
  const among = (values) => ({
    from: (position) => values[position], to: (value) => values.indexOf(value), text: (value) => number(value),
  });

  // A chart in box. Ticks and points are shares of its axes; a point that is null
  // breaks its line, one beyond the axes is drawn at their edge. marks(x, y) makes what else there
  // is, where shares lie in the drawing.
  const chart = (box, { height, label, xs, ys, lines, marks = () => [] }) => {
    const width = box.clientWidth || 320; // so that its letters have their size on any screen
    const [left, right, top, bottom] = [44, width - 10, 8, height - 22];
    const x = (share) => left + (right - left) * share;
    const y = (share) => bottom - (bottom - top) * Math.min(Math.max(share, 0), 1);
    const stroke = (point, before) => (point === null ? ""
      : `${before ? "L" : "M"}${x(point[0]).toFixed(1)} ${y(point[1]).toFixed(1)}`);
    const path = (points) => points.map((point, i) => stroke(point, points[i - 1])).join("");
    const dots = (name, points) => points.filter(Boolean).map(([a, b]) =>
      draw("circle", { class: name, cx: x(a), cy: y(b), r: 3 }));
    box.replaceChildren(draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
      ...ys.flatMap(({ at, text }) => [
        draw("path", { class: "rule", d: `M${left} ${y(at)}H${right}` }),
        draw("text", { class: "y", x: left - 6, y: y(at) + 4 }, text)]),
      ...xs.map(({ at, text }) => draw("text", { x: x(at), y: height - 6 }, text)),
      ...lines.flatMap(({ name, points, marked }) => [
        draw("path", { class: `line ${name}`, d: path(points) }),
        ...(marked ? dots(name, points) : [])]),
      ...marks(x, y)));
  };

  return { number, percent, sentence, soon, whenNear, telling, controls, among, chart };
})();
