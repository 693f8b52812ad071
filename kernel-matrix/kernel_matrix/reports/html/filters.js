// What of the matrix is shown: by text, by verdict, by kernel, and only what changed.

import { el } from "./dom.js";
import { UNEXPECTED, VERDICTS, WORST_FIRST } from "./words.js";

/** Everything is shown; of many baselines none, because their columns would hide the others. */
export function newFilter(report) {
    const before = report.kernels.filter((kernel) => kernel.before);
    return {
        words: "",
        verdicts: new Set(),
        changed: false,
        hidden: new Set(before.length > 4 ? before : []),
    };
}

export function shownKernels(report, filter) {
    return report.kernels.filter((kernel) => !filter.hidden.has(kernel));
}

/** The cases of a clause that the filter leaves, an empty list if it hides the clause. */
export function shownCases(report, filter, clause, kernels) {
    const words = filter.words.toLowerCase().split(/\s+/).filter(Boolean);
    const own =
        `${clause.id} ${clause.statement} ${clause.source} ${clause.strength}`.toLowerCase();
    return clause.cases.filter((found) => {
        if (filter.changed && !found.changed) return false;
        const outcomes = kernels.map((kernel) => report.result(found, kernel)).filter(Boolean);
        if (!outcomes.length) return false;
        if (
            filter.verdicts.size &&
            !outcomes.some((outcome) => filter.verdicts.has(outcome.verdict))
        )
            return false;
        if (words.every((word) => own.includes(word))) return true;
        const all = `${own} ${found.id.toLowerCase()} ${spokenOf(outcomes)}`;
        return words.every((word) => all.includes(word));
    });
}

function spokenOf(outcomes) {
    const texts = new Set(
        outcomes.flatMap((o) => [o.observed, o.expected, o.message, o.title, o.known]),
    );
    return [...texts].join(" ").toLowerCase();
}

/** How many results of the shown kernels came to what. */
function totals(report, kernels) {
    const counts = {};
    for (const kernel of kernels) {
        for (const [verdict, count] of Object.entries(kernel.counts)) {
            counts[verdict] = (counts[verdict] || 0) + count;
        }
    }
    return counts;
}

const WAIT = 150; // milliseconds; a table of thousands of rows is not filtered at each key

/** The bar of controls; change is called when the filter is another. */
export function filterBar(report, filter, change) {
    let timer = 0;
    const search = el("input", {
        type: "search",
        id: "search",
        placeholder: "Clause, case, answer …",
        "aria-label": "Filter by text",
        autocomplete: "off",
        spellcheck: "false",
        oninput: () => {
            clearTimeout(timer);
            timer = setTimeout(() => {
                filter.words = search.value;
                change();
            }, WAIT);
        },
    });
    const count = el("output", { class: "count", id: "count", for: "search" });
    const bar = el(
        "div",
        { class: "filters", role: "search", "aria-label": "Filters" },
        search,
        chips(report, filter, change),
        report.changes.length || report.comparison ? changedOnly(report, filter, change) : null,
        report.kernels.length > 1 ? kernelChoice(report, filter, change) : null,
        count,
    );
    return { bar, search, count };
}

function toggle(text, pressed, click, kind = "") {
    const button = el(
        "button",
        { type: "button", class: `chip ${kind}`, "aria-pressed": String(pressed) },
        text,
    );
    button.addEventListener("click", () => {
        const now = button.getAttribute("aria-pressed") !== "true";
        button.setAttribute("aria-pressed", String(now));
        click(now);
    });
    return button;
}

function chips(report, filter, change) {
    const counts = totals(report, report.kernels);
    const used = WORST_FIRST.filter((verdict) => counts[verdict]);
    const buttons = used.map((verdict) => {
        const { sign, say, means } = VERDICTS[verdict];
        const content = [
            el("span", { "aria-hidden": "true", class: `sign s-${verdict}` }, sign),
            ` ${say} `,
            el("small", {}, String(counts[verdict])),
        ];
        const button = toggle(content, false, (on) => {
            filter.verdicts[on ? "add" : "delete"](verdict);
            change();
        });
        button.title = means;
        button.dataset.verdict = verdict;
        return button;
    });
    const unexpected = used.filter((verdict) => UNEXPECTED.includes(verdict));
    if (unexpected.length > 1) {
        const all = toggle("all unexpected", false, (on) => {
            for (const verdict of unexpected) {
                filter.verdicts[on ? "add" : "delete"](verdict);
                buttons
                    .find((b) => b.dataset.verdict === verdict)
                    .setAttribute("aria-pressed", String(on));
            }
            change();
        });
        buttons.unshift(all);
    }
    return el("div", { class: "chips", role: "group", "aria-label": "Filter by verdict" }, buttons);
}

function changedOnly(report, filter, change) {
    const button = toggle("only what changed", false, (on) => {
        filter.changed = on;
        change();
    });
    button.id = "changed-only";
    button.title = report.comparison ? "between the two sides" : "between neighbouring kernels";
    return button;
}

function kernelChoice(report, filter, change) {
    const summary = el("summary", {});
    const label = () => {
        summary.textContent = `kernels ${report.kernels.length - filter.hidden.size}/${report.kernels.length}`;
    };
    const boxes = report.kernels.map((kernel) => {
        const box = el("input", {
            type: "checkbox",
            checked: !filter.hidden.has(kernel),
            onchange: () => {
                filter.hidden[box.checked ? "delete" : "add"](kernel);
                label();
                change();
            },
        });
        return el("label", {}, box, " ", kernel.label);
    });
    const set = (on) => () => {
        for (const box of boxes) box.querySelector("input").checked = on;
        filter.hidden = new Set(on ? [] : report.kernels);
        label();
        change();
    };
    label();
    const fold = el(
        "details",
        { class: "choice", id: "kernel-choice" },
        summary,
        el(
            "fieldset",
            {},
            el("legend", { class: "spoken" }, "Kernels that are shown"),
            el(
                "p",
                {},
                el("button", { type: "button", onclick: set(true) }, "all"),
                el("button", { type: "button", onclick: set(false) }, "none"),
            ),
            boxes,
        ),
    );
    fold.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && fold.open) {
            fold.open = false;
            summary.focus();
            event.stopPropagation();
        }
    });
    document.addEventListener("click", (event) => {
        if (!fold.contains(event.target)) fold.open = false;
    });
    return fold;
}
