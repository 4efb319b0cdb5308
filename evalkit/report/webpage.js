"use strict";
// A click on a head sorts by its column: best first, worst first, as given. Rows without a value stay last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const given = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];
  const value = (row, index) => row.cells[index].dataset.value;
  const compare = (a, b, isNumber) => (isNumber ? a - b : a.localeCompare(b));
  heads.forEach((head, index) => {
    const isNumber = head.dataset.sort === "number";
    const cycle = isNumber ? ["descending", "ascending", "none"] : ["ascending", "descending", "none"];
    head.querySelector("button").addEventListener("click", () => {
      const next = cycle[(cycle.indexOf(head.getAttribute("aria-sort")) + 1) % 3];
      heads.forEach((other) => other.setAttribute("aria-sort", other === head ? next : "none"));
      const sign = next === "descending" ? -1 : 1;
      const filled = given.filter((row) => value(row, index) !== undefined);
      const empty = given.filter((row) => value(row, index) === undefined);
      filled.sort((a, b) => sign * compare(value(a, index), value(b, index), isNumber));
      body.append(...(next === "none" ? given : [...filled, ...empty]));
    });
  });
}
