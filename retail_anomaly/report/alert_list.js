// All alerts: search, sort, filter, download. Texts become text nodes, never HTML.
(async () => {
  const STEP = 50;
  const box = document.getElementById("alert-list");
  const packed = Uint8Array.from(atob(document.getElementById("alert-data").textContent), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const { head, rows } = await new Response(stream).json();
  const isNumber = column => ["Risk", "Confidence", "Money in question"].includes(head[column]);
  const make = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const text = value => value === null ? "" : typeof value === "number" ? value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }) : value;

  const search = make("input", { type: "search", placeholder: "Search, such as a receipt or an employee" });
  search.setAttribute("aria-label", "Search the alerts");
  const chooser = (column, all) => {
    const choices = [...new Set(rows.map(row => row[column]))].sort();
    const made = make("select", {}, make("option", { value: "", textContent: all }),
      ...choices.map(one => make("option", { value: one, textContent: one || "nobody named" })));
    made.setAttribute("aria-label", head[column]);
    return made;
  };
  const store = chooser(head.indexOf("Store"), "All stores");
  const type = chooser(head.indexOf("Alert"), "All types");
  const least = make("select", {}, ...[0, 0.1, 0.5, 0.9].map(
    one => make("option", { value: one, textContent: one ? `Confidence ${one} or more` : "Any confidence" })));
  least.setAttribute("aria-label", "Least confidence");
  const download = make("button", { type: "button", textContent: "Download CSV" });
  const count = make("span", { className: "note" });
  count.setAttribute("role", "status");
  const more = make("button", { type: "button", textContent: "Show more" });
  const body = make("tbody");
  let sorted = -1, downwards = true, limit = STEP, shown = rows;

  const heads = head.map((name, column) => {
    const button = make("button", { type: "button", textContent: name });
    button.addEventListener("click", () => {
      downwards = sorted === column ? !downwards : isNumber(column);
      sorted = column;
      update();
    });
    return make("th", { className: isNumber(column) ? "number" : "short", scope: "col" }, button);
  });

  const update = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    shown = rows.filter(row =>
      (!store.value || row[head.indexOf("Store")] === store.value) &&
      (!type.value || row[head.indexOf("Alert")] === type.value) &&
      row[head.indexOf("Confidence")] >= Number(least.value) &&
      words.every(word => row.some(cell => cell !== null && String(cell).toLowerCase().includes(word))));
    if (sorted >= 0) {
      const order = (a, b) => a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1;
      shown.sort((a, b) => order(a[sorted], b[sorted]) * (downwards ? -1 : 1));
    }
    heads.forEach((one, column) => one.setAttribute(
      "aria-sort", column !== sorted ? "none" : downwards ? "descending" : "ascending"));
    body.replaceChildren(...shown.slice(0, limit).map(row => make("tr", {}, ...row.map((cell, column) =>
      make("td", { className: isNumber(column) ? "number" : String(cell).length > 24 ? "text" : "short", textContent: text(cell) })))));
    const of = shown.length === rows.length ? "" : ` of ${rows.length.toLocaleString("en")}`;
    count.textContent = `${shown.length.toLocaleString("en")}${of} ${rows.length === 1 ? "alert" : "alerts"}`;
    more.hidden = shown.length <= limit;
  };
  [search, store, type, least].forEach(one => one.addEventListener("input", () => { limit = STEP; update(); }));
  more.addEventListener("click", () => { limit += 4 * STEP; update(); });
  download.addEventListener("click", () => {
    // A cell that begins like a formula would be one in a spreadsheet.
    const cell = value => typeof value === "number" ? String(value)
      : `"${(/^[=+\-@\t\r]/.test(value ?? "") ? "'" : "") + (value ?? "").replaceAll('"', '""')}"`;
    const lines = [head, ...shown].map(row => row.map(cell).join(",")).join("\r\n");
    const link = make("a", { href: URL.createObjectURL(new Blob(["\ufeff" + lines], { type: "text/csv" })), download: "alerts.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  });

  const table = make("table", {}, make("thead", {}, make("tr", {}, ...heads)), body);
  const scroll = make("div", { className: "scroll", tabIndex: 0 }, table);
  scroll.setAttribute("role", "region");
  scroll.setAttribute("aria-label", "All alerts");
  box.append(make("div", { className: "controls" }, search, store, type, least, download, count), scroll, more);
  update();
})();
