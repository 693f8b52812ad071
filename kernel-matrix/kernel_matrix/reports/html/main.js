// The parts of the report, and which of them is shown: the address says it.

import { casesView } from "./cases.js";
import { behaviour, changes } from "./changes.js";
import { unpack } from "./data.js";
import { detail } from "./detail.js";
import { el } from "./dom.js";
import { newFilter } from "./filters.js";
import { known, reasons } from "./known.js";
import { matrix } from "./matrix.js";
import { overview } from "./overview.js";

const PRINTED = 25; // findings that are printed with all that is known of them

const report = unpack(JSON.parse(document.getElementById("data").textContent));
const filter = newFilter(report);
const content = document.getElementById("content");
const one = report.kernels.length === 1;
const all = [...report.changes, ...(report.comparison?.changes || [])];
const drifts = (change) => change.drift || change.transition === "drift";
const count = (some) => new Set(some.map((change) => change.case)).size;

const PARTS = {
    overview: { name: "Overview", make: () => ({ view: overview(report) }) },
    matrix: {
        name: one ? "Cases" : "Matrix",
        make: () => withDetail(one ? casesView(report, filter) : matrix(report, filter)),
    },
    ...(one
        ? {}
        : {
              changes: {
                  name: "Changes",
                  number: count(all.filter((c) => !drifts(c))),
                  make: () => ({ view: changes(report) }),
              },
          }),
    behaviour: {
        name: "Behaviour",
        number: count(all.filter(drifts)),
        make: () => ({ view: behaviour(report) }),
    },
    known: { name: "Known", number: reasons(report).size, make: () => ({ view: known(report) }) },
};
const made = {};
let opener = null;

function withDetail(found) {
    const place = el("div", { class: "aside", hidden: true });
    return { ...found, view: el("div", { class: "split" }, found.view, place), place };
}

function part(name) {
    if (!made[name]) {
        made[name] = PARTS[name].make();
        made[name].view.dataset.part = name;
        content.append(made[name].view);
    }
    return made[name];
}

/** What an address means: a part, a clause, a case; either of these on one kernel. */
function wanted(hash) {
    const [ident, key] = hash.slice(1).split("@").map(decoded);
    if (!ident) return { name: PARTS[report.start] ? report.start : "overview" };
    if (PARTS[ident]) return { name: ident };
    const only = report.cases.find((found) => found.id === ident);
    const clause = only ? only.clauses[0] : report.clauses.find((each) => each.id === ident);
    const kernel = report.kernels.find((each) => each.key === key);
    return clause ? { name: "matrix", clause, only, kernel } : { name: "overview", unknown: ident };
}

function decoded(text) {
    try {
        return decodeURIComponent(text);
    } catch {
        return text;
    }
}

function show() {
    const asked = wanted(location.hash);
    const shown = part(asked.name);
    for (const [name, each] of Object.entries(made)) each.view.hidden = name !== asked.name;
    for (const link of document.querySelectorAll("#parts a")) {
        if (link.hash === `#${asked.name}`) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
    document.body.dataset.part = asked.name;
    if (shown.place) open(shown, asked);
    else window.scrollTo(0, 0);
    note(asked.unknown);
}

function open(shown, asked) {
    const { clause } = asked;
    document.body.classList.toggle("with-detail", Boolean(clause));
    shown.place.hidden = !clause;
    for (const row of shown.view.querySelectorAll("tr.here")) row.classList.remove("here");
    if (!clause) {
        shown.place.replaceChildren();
        if (opener?.isConnected) opener.focus();
        opener = null;
        return;
    }
    if (
        shown.view.contains(document.activeElement) &&
        !shown.place.contains(document.activeElement)
    )
        opener = document.activeElement;
    const { panel, heading } = detail(report, asked, "#matrix");
    shown.place.replaceChildren(panel);
    shown.place.scrollTop = 0;
    for (const row of shown.view.querySelectorAll(`tr[data-clause="${CSS.escape(clause.id)}"]`)) {
        row.classList.add("here");
        if (!row.hidden) row.scrollIntoView({ block: "nearest" });
    }
    heading.focus({ preventScroll: true });
}

function note(unknown) {
    document.getElementById("unknown")?.remove();
    if (unknown) {
        content.prepend(
            el(
                "p",
                { id: "unknown", role: "status", class: "note unknown" },
                `This report has no clause, case or part called ${unknown}.`,
            ),
        );
    }
}

function navigation() {
    const list = el(
        "ul",
        {},
        Object.entries(PARTS).map(([name, { name: text, number }]) =>
            el(
                "li",
                {},
                el("a", { href: `#${name}` }, text, number > 0 && el("small", {}, String(number))),
            ),
        ),
    );
    document.getElementById("parts").append(list);
}

document.addEventListener("keydown", (event) => {
    const typing = event.target.matches("input, textarea, select");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
        event.preventDefault();
        if (document.body.dataset.part !== "matrix") location.hash = "#matrix";
        show();
        part("matrix").search.focus();
    }
    if (event.key === "Escape" && document.body.classList.contains("with-detail"))
        location.hash = "#matrix";
});

// The address says which part is shown: this link must leave it as it is.
document.querySelector(".skip-link").addEventListener("click", (event) => {
    event.preventDefault();
    content.focus();
});

/** On paper all parts follow each other, with what is not as promised unfolded. */
function forPrint() {
    for (const name of Object.keys(PARTS)) part(name);
    // The matrix is the longest, and few read it on paper.
    content.append(...Object.keys(PARTS).map((name) => made[name].view), made.matrix.view);
    const folds = [...made.overview.view.querySelectorAll(".findings > details")].slice(0, PRINTED);
    for (const fold of folds) {
        fold.open = true;
        fold.dispatchEvent(new Event("toggle"));
    }
}

window.addEventListener("beforeprint", forPrint);
matchMedia("print").addEventListener("change", (query) => query.matches && forPrint());
window.addEventListener("hashchange", show);
navigation();
show();
