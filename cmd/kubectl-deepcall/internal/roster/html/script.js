"use strict";
// Filters the entries while the user types. The page is complete without this script.
(() => {
  const field = document.getElementById("search");
  const onlyNotInSync = document.getElementById("only-not-in-sync");
  const result = document.getElementById("result");
  const views = [...document.querySelectorAll("main section")].map((section) => ({
    none: section.querySelector(".none"),
    bodies: [...section.querySelectorAll("tbody")].map((body) => ({
      block: body.closest(".problem") ?? body, // is hidden if none of its entries matches
      labels: [...body.closest("table").querySelectorAll("thead th")].map((label) => label.textContent),
      heading: body.querySelector("[scope=rowgroup]")?.textContent ?? "",
      rows: [...body.querySelectorAll(".entry")],
    })),
  }));
  let entries; // filled by the first search, because it takes a while for a large roster

  // The text of an entry is its heading and its cells with their labels, without the time.
  const textOf = (row, heading, labels) => [...row.children].reduce(
    (text, cell, i) => (cell.className === "time" ? text : `${text} ${labels[i]} ${cell.textContent}`), heading).toLowerCase();
  const read = () => views.map((view) => view.bodies.map(({ rows, heading, labels }) => rows.map(
    (row) => ({ row, text: textOf(row, heading, labels) }))));

  const apply = () => {
    entries ??= read();
    const terms = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = ({ row, text }) => (!onlyNotInSync.checked || row.classList.contains("differs")) && terms.every((term) => text.includes(term));
    let shown = 0, total = 0;
    views.forEach((view, v) => {
      shown = total = 0; // the last view, which has all entries, counts
      view.bodies.forEach(({ block }, b) => {
        let visible = 0;
        for (const entry of entries[v][b]) {
          entry.row.hidden = !matches(entry);
          visible += entry.row.hidden ? 0 : 1;
        }
        block.hidden = visible === 0;
        shown += visible;
        total += entries[v][b].length;
      });
      view.none.hidden = shown > 0;
    });
    const filtered = terms.length > 0 || onlyNotInSync.checked;
    result.textContent = filtered ? `Showing ${shown} of ${total} entries.` : "";
  };

  let timer;
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(apply, 100);
  });
  onlyNotInSync.addEventListener("change", apply);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && document.activeElement !== field) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && document.activeElement === field) {
      field.value = "";
      apply();
    }
  });
  document.getElementById("filter").hidden = false;
})();
