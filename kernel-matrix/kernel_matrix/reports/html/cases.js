// A run of one kernel: a row for each case instead of a matrix of one column.

import { address, el, many, paged, spoken } from "./dom.js";
import { filterBar, shownCases } from "./filters.js";
import { wrapping } from "./detail.js";
import { badge } from "./outcome.js";
import { WORST_FIRST } from "./words.js";

const PAGE = 500;

const COLUMNS = [
    ["Verdict", "verdict"],
    ["Case", "clause"],
    ["What", null],
    ["ms", "time"],
];

/** The view with its filters; its order is that of the clauses until a head is pressed. */
export function casesView(report, filter) {
    const [kernel] = report.kernels;
    const { bar, search, count } = filterBar(report, filter, () => draw());
    const scroll = el("div", {
        class: "scroll",
        role: "region",
        "aria-label": "Cases",
        tabindex: "0",
    });
    let order = "clause";

    const heads = COLUMNS.map(([name, by]) => {
        const head = el("th", { scope: "col" }, by ? null : name);
        if (by) {
            head.append(
                el(
                    "button",
                    {
                        type: "button",
                        onclick: () => {
                            order = order === by ? "clause" : by;
                            draw();
                        },
                    },
                    name,
                ),
            );
            head.dataset.by = by;
        }
        return head;
    });

    const draw = () => {
        for (const head of heads) {
            if (!head.dataset.by) continue;
            const sorted = head.dataset.by === order;
            head.setAttribute(
                "aria-sort",
                sorted ? (order === "time" ? "descending" : "ascending") : "none",
            );
        }
        const rows = [];
        let cases = 0;
        for (const clause of report.clauses) {
            const left = shownCases(report, filter, clause, [kernel]);
            // A case of several clauses is a row of each; only the first of them is counted.
            cases += left.filter((found) => found.clauses[0] === clause).length;
            if (left.length && order === "clause") rows.push({ clause });
            rows.push(
                ...left
                    .map((found) => ({ found, clause }))
                    .filter((row) => order === "clause" || row.found.clauses[0] === clause),
            );
        }
        if (order === "time") rows.sort((a, b) => milliseconds(b) - milliseconds(a));
        if (order === "verdict") rows.sort((a, b) => rank(a) - rank(b));
        const body = el("tbody", {});
        const table = el(
            "table",
            { class: "one" },
            el("caption", { class: "spoken" }, `The cases on ${kernel.label}`),
            el("thead", {}, el("tr", {}, heads)),
            body,
        );
        const make = (row) => (row.found ? caseRow(report, kernel, row) : clauseRow(row.clause));
        scroll.replaceChildren(table, paged(rows, make, body, PAGE));
        count.textContent = `${cases} of ${many(report.cases.length, "case")}`;
    };
    const rank = ({ found }) => WORST_FIRST.indexOf(report.result(found, kernel).verdict);
    const milliseconds = ({ found }) => report.milliseconds(found, kernel);
    draw();
    return {
        view: el("div", { class: "pane" }, el("h1", { class: "spoken" }, "Cases"), bar, scroll),
        search,
        draw,
    };
}

function clauseRow(clause) {
    return el(
        "tr",
        { class: "head", "data-clause": clause.id },
        el(
            "th",
            { scope: "rowgroup", colspan: "4" },
            el("a", { href: address(clause.id) }, wrapping(clause.id)),
            " ",
            clause.strength &&
                el("small", { class: `strength ${clause.strength}` }, clause.strength),
            el("span", { class: "say" }, clause.statement),
        ),
    );
}

function caseRow(report, kernel, { found }) {
    const outcome = report.result(found, kernel);
    return el(
        "tr",
        { class: `case v-${outcome.verdict}` },
        el("td", {}, badge(outcome.verdict)),
        el(
            "th",
            { scope: "row" },
            el(
                "a",
                { href: address(found.id) },
                wrapping(found.names),
                found.row && el("b", {}, found.row),
            ),
        ),
        el("td", { class: "what" }, what(outcome)),
        el(
            "td",
            { class: "number" },
            String(report.milliseconds(found, kernel)),
            spoken(" milliseconds"),
        ),
    );
}

function what(outcome) {
    if (outcome.skip) return `${outcome.skip}: ${outcome.reason}`;
    if (outcome.observed && outcome.expected)
        return `${outcome.observed} instead of ${outcome.expected}`;
    return outcome.title || outcome.observed || outcome.message.split("\n")[0];
}
