"use strict";
const root = document.documentElement;
try { // before anything is painted
  root.dataset.theme = localStorage.theme ?? "auto";
} catch { /* not kept */ }

const byId = (id) => document.getElementById(id);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector, within = document) => within.querySelector(selector);
const on = (node, types, act) => types.split(" ").forEach((type) => node.addEventListener(type, act));
const make = (names) => (name, attributes, ...children) => {
  const node = document.createElementNS(names, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.append(...children);
  return node;
};
const el = make("http://www.w3.org/1999/xhtml");
const draw = make("http://www.w3.org/2000/svg");
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, key) => values[key]);

// --- What is chosen is in the address: #id?key=value&…

let state = new URLSearchParams();
const widgets = []; // functions that show it
const showAll = () => widgets.forEach((show) => show());
const change = (id, changes) => {
  for (const key in changes) if (changes[key]) state.set(key, changes[key]); else state.delete(key);
  history.pushState(`${state}`, "", `#${id}?${state}`);
  showAll();
};
const arrive = (saved) => {
  const [id, query] = location.hash.slice(1).split("?");
  const wanted = saved ?? query; // a plain link leaves the choices as they are
  if (wanted !== undefined) state = new URLSearchParams(wanted);
  history.replaceState(`${state}`, "");
  showAll();
  const target = byId(id);
  for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
  if (saved === null) target?.scrollIntoView();
};

// --- The page's tools

const language = (link) => on(link, "click auxclick", () => { // takes the choices along
  link.hash = `${location.hash.split("?")[0]}${state.size ? `?${state}` : ""}`;
});

const themes = () => {
  const buttons = all("#theme button");
  const wear = (theme) => {
    root.dataset.theme = theme;
    for (const button of buttons) button.ariaPressed = button.dataset.theme === theme;
  };
  for (const button of buttons) {
    on(button, "click", () => {
      wear(button.dataset.theme);
      try { localStorage.theme = button.dataset.theme; } catch { /* not kept */ }
    });
    button.parentElement.hidden = false;
  }
  wear(root.dataset.theme ?? "auto");
};

// in the page's colours and font
const alone = (svg) => {
  const computed = getComputedStyle(svg);
  const seen = (colour) => {
    svg.style.color = colour;
    return computed.color;
  };
  const { width, height } = svg.viewBox.baseVal;
  const copy = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, color: seen("var(--ink)") },
    draw("style", {}, `text{font-family:${computed.fontFamily}!important}`),
    draw("rect", { width, height, fill: seen("var(--paper)") }), ...svg.cloneNode(true).childNodes);
  const text = new XMLSerializer().serializeToString(copy).replace(/var\(.+?\)/g, seen);
  seen("");
  return text;
};
const drawing = (button) => {
  const figure = button.closest(".figure");
  button.hidden = false;
  on(button, "click", () => {
    const svg = alone(one(".picture > svg", figure));
    const href = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
    el("a", { href, download: `${figure.id}.svg` }).click();
    setTimeout(() => URL.revokeObjectURL(href), 1000);
  });
};

const copying = (button) => {
  const code = one("code", button.parentElement);
  const label = button.textContent;
  button.hidden = false;
  on(button, "click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = button.dataset.done;
      setTimeout(() => { button.textContent = label; }, 2000);
    } catch { // not allowed: by hand
      getSelection().selectAllChildren(code);
    }
  });
};

const contents = () => {
  const links = all("nav:not(.chapters) a");
  const targets = [...new Set(links.map(({ hash }) => byId(hash.slice(1))))].filter(Boolean);
  const observer = new IntersectionObserver(() => {
    const last = targets.filter((target) => target.getBoundingClientRect().top < innerHeight / 3).at(-1);
    for (const link of links) {
      link.ariaCurrent = last && byId(link.hash.slice(1))?.contains(last) ? "true" : null;
    }
  }, { rootMargin: "0px 0px -67% 0px" });
  targets.forEach((target) => observer.observe(target));
};

// --- Ranking

const ranking = () => {
  const box = byId("ranking");
  const form = one("form", box);
  const selects = all("select", form);
  const heads = all("thead th", box);
  const body = one("tbody", box);
  const rows = [...body.rows];
  const count = one(".count", box);
  const keys = heads.map((head) => head.dataset.key);
  const value = (row, key) => row.cells[keys.indexOf(key)].dataset.value;
  const sorting = () => {
    const key = keys.includes(state.get("sort")) ? state.get("sort") : "rank";
    const order = state.get("order") ?? heads[keys.indexOf(key)].dataset.order;
    return [key, order === "descending" ? order : "ascending"];
  };
  const show = () => {
    for (const select of selects) select.value = state.get(select.name) ?? "";
    const wanted = selects.filter((select) => select.value);
    for (const row of rows) {
      row.hidden = !wanted.every((select) => value(row, select.name).split("|").includes(select.value));
    }
    const [key, order] = sorting();
    const sign = order === "descending" ? -1 : 1;
    body.append(...[...rows].sort((a, b) => {
      const [x, y] = [value(a, key), value(b, key)];
      if (!x || !y) return !x - !y; // unknown ones last
      return sign * (x - y || x.localeCompare(y));
    }));
    for (const head of heads) head.ariaSort = head.dataset.key === key ? order : null;
    const shown = rows.filter((row) => !row.hidden).length;
    count.textContent = fill(count.dataset.words, { shown, all: rows.length });
  };
  for (const head of heads) {
    const button = el("button", { type: "button" }, head.textContent);
    on(button, "click", () => {
      const [key, order] = sorting();
      const turned = order === "ascending" ? "descending" : "ascending";
      change("ranking", { sort: head.dataset.key, order: key === head.dataset.key && turned });
    });
    head.replaceChildren(button);
  }
  on(form, "change", ({ target }) => change("ranking", { [target.name]: target.value }));
  on(form, "reset", () => change("ranking", Object.fromEntries(selects.map(({ name }) => [name]))));
  form.hidden = false;
  widgets.push(show);
};

// --- The grid

const mean = (numbers) => {
  const known = numbers.filter((number) => number !== null);
  return known.length ? known.reduce((a, b) => a + b) / known.length : null;
};
const sum = (cells, key) => cells.reduce((total, cell) => total + cell[key], 0);
const shown = (number) => number?.toFixed(1).replace("-", "−") ?? "–";
const rowOf = (head, tag, texts) => el("tr", {}, head,
  ...texts.map((text) => el(tag, { class: "n", ...(tag === "th" && { scope: "col" }) }, text)));
const pick = (items, id, otherwise = -1) => {
  const found = items.findIndex((item) => item.id === id);
  return found < 0 ? otherwise : found;
};

const grid = ({ command, factors, metrics, cells, words, scale, epochs, gaps, seeds }) => {
  const every = [...factors.keys()];
  const named = (at, which) => which.map((i) => factors[i].id && factors[i].levels[at[i]].name)
    .filter(Boolean).join(" · ");
  const signs = { diverged: "✕", failed: "!", missing: "–" };
  const counts = (group) => ["n", ...Object.keys(signs)].filter((key) => sum(group, key))
    .map((key) => fill(words[key], { count: sum(group, key) })).join(" · ");

  // the runs of cells: a column for each seed
  const place = (before) => {
    const panel = byId("cell-runs").content.firstElementChild.cloneNode(true);
    const [hint, list] = panel.children;
    const part = (selector) => one(selector, list);
    copying(part(".copy"));
    before.after(panel);
    return (group, metric, shared) => {
      const none = !group.length;
      hint.hidden = !none;
      list.hidden = none;
      if (none) return;
      const which = metric % 3;
      const others = every.filter((i) => !shared.includes(i));
      const result = ({ runs }, seed) => {
        const run = runs.find(([own]) => own === seed);
        return run ? [shown(run[1 + which]), signs[run[4]]].join(" ") : signs.missing;
      };
      const { at } = group[0];
      part(".title").textContent = named(at, shared) || words.all;
      part(".counts").textContent = counts(group);
      part("thead").replaceChildren(rowOf(el("td", {}), "th",
        [metrics[which].name, ...seeds.map((seed) => `${words.seed} ${seed}`)]));
      part("tbody").replaceChildren(...group.map((cell) => rowOf(
        el("th", { scope: "row" }, named(cell.at, others) || words.mean), "td",
        [cell.texts[which], ...seeds.map((seed) => result(cell, seed))])));
      part("code").textContent = [command, ...shared.flatMap((i) => factors[i].levels[at[i]].words)].join(" ");
    };
  };

  const picture = one(".picture", byId("explorer").previousElementSibling);
  if (picture) {
    const list = place(picture.parentElement);
    on(picture, "pointerover pointerleave click", ({ target, type }) => {
      const spot = target.closest("[data-cell]");
      const chosen = one(".chosen", picture);
      if (type === "click" && spot) {
        chosen?.classList.remove("chosen");
        spot.classList.add("chosen");
      }
      const at = spot ?? chosen;
      if (at) list([cells[at.dataset.cell]], 0, every);
    });
  }

  const part = (selector) => one(selector, byId("explorer"));
  const selects = part("form").elements;
  const list = place(part(".scroll"));

  const show = () => {
    const rows = pick(factors, state.get("rows"), 0);
    let columns = pick(factors, state.get("columns"), 1);
    if (columns === rows) columns = rows ? 0 : 1;
    const metric = pick(metrics, state.get("metric"), 0);
    const { id, name, unit, ends: [bottom, top] } = metrics[metric];
    const [down, across] = [factors[rows], factors[columns]];
    const axis = (i) => i === rows || i === columns;
    const fixed = factors.map((own, i) => (axis(i) ? -1 : pick(own.levels, state.get(`at.${own.id}`))));
    const shared = every.filter((i) => axis(i) || fixed[i] >= 0);
    const [atRow, atColumn] = (state.get("cell") ?? "").split(",");
    const chosen = [pick(down.levels, atRow), pick(across.levels, atColumn)];
    const picked = (y, x) => y === chosen[0] && x === chosen[1];
    const now = { rows: down.id, columns: across.id, metric: id };
    for (const select of selects) {
      select.value = now[select.name] ?? state.get(select.name) ?? "";
      select.parentElement.hidden = [`at.${down.id}`, `at.${across.id}`].includes(select.name);
    }

    const squares = down.levels.map((_, y) => across.levels.map((__, x) => cells.filter(({ at }) =>
      at[rows] === y && at[columns] === x && fixed.every((level, i) => level < 0 || at[i] === level))));
    const detail = (y, x) => list(squares[y]?.[x] ?? [], metric, shared);
    const square = (group, y, x) => {
      const value = mean(group.map(({ means }) => means[metric]));
      const [colour, ink] = scale[Math.round((value - bottom) / (top - bottom) * (scale.length - 1))];
      const marks = Object.keys(signs).filter((key) => sum(group, key))
        .map((key) => ` ${signs[key]}${sum(group, key)}`);
      const node = el("button", {
        type: "button",
        ...(value === null ? { class: "none" } : { style: `background:${colour};color:${ink}` }),
        title: counts(group),
        "aria-pressed": picked(y, x),
      }, value === null ? words.no_run : shown(value), el("small", {}, ...marks));
      on(node, "pointerenter focus", () => detail(y, x));
      on(node, "pointerleave blur", () => detail(...chosen));
      on(node, "click", () => {
        change("explorer", { cell: !picked(y, x) && `${down.levels[y].id},${across.levels[x].id}` });
        all(".map button")[y * across.levels.length + x].focus();
      });
      return el("td", {}, node);
    };
    const names = { metric: name, unit, rows: down.name, columns: across.name };
    part("caption").textContent = fill(words.heat_map, names);
    part("thead").replaceChildren(rowOf(el("td", {}), "th", across.levels.map((level) => level.name)));
    part("tbody").replaceChildren(...squares.map((groups, y) => el("tr", {},
      el("th", { scope: "row" }, down.levels[y].name), ...groups.map((group, x) => square(group, y, x)))));
    detail(...chosen);

    // a plot for each row, a line for each column
    const which = metric % 3; // diverged runs: test accuracy
    const [low, high] = which === 2 ? gaps : [0, 100];
    const end = epochs.at(-1) || 1;
    const toY = (value) => 108 - 100 * (value - low) / (high - low);
    const stroke = ({ colour, dashes }, width) => ({
      fill: "none", stroke: colour, "stroke-width": width, "stroke-dasharray": dashes,
    });
    const plot = (groups, y) => {
      const lines = groups.map((group) => epochs.map((_, i) =>
        mean(group.map(({ curves }) => curves?.[which][i] ?? null))));
      const { name: title } = down.levels[y];
      const ends = lines.map((line, x) => `${across.levels[x].name} ${shown(line.at(-1))}`);
      return el("figure", {}, el("figcaption", {}, title), draw("svg",
        { viewBox: "0 0 200 130", role: "img", "aria-label": `${title}: ${ends.join(", ")}` },
        ...[low, (low + high) / 2, high].flatMap((value) => [
          draw("path", { d: `M34 ${toY(value)}H194`, class: "rule" }),
          draw("text", { x: 29, y: toY(value) + 4 }, `${value}`.replace("-", "−"))]),
        draw("text", { x: 39, y: 125 }, "0"),
        draw("text", { x: 194, y: 125 }, `${end} ${words.epochs}`),
        ...lines.map((line, x) => draw("polyline", {
          ...stroke(across.levels[x], picked(y, x) ? 4 : 2),
          points: line.flatMap((value, i) => (value === null ? [] : [34 + 160 * epochs[i] / end, toY(value)])),
        }))));
    };
    part(".key strong").textContent = fill(words.curves, { ...names, metric: metrics[which].name });
    part(".lines").replaceChildren(...across.levels.map((level) => el("span", {},
      draw("svg", { viewBox: "0 0 40 10", "aria-hidden": "true" }, draw("path", { d: "M0 5H40", ...stroke(level, 2) })),
      ` ${level.name}`)));
    part(".plots").replaceChildren(...squares.map(plot));
  };

  on(part("form"), "change", ({ target }) => change("explorer", { [target.name]: target.value }));
  part(".live").hidden = false;
  widgets.push(show);
};

on(document, "DOMContentLoaded", () => {
  all(".language").forEach(language);
  themes();
  all(".downloads .svg").forEach(drawing);
  all(".command .copy").forEach(copying);
  contents();
  if (byId("ranking")) ranking();
  if (byId("cell-runs")) grid(JSON.parse(byId("data").textContent));
  arrive(history.state);
  on(window, "popstate", (event) => arrive(event.state));
});
