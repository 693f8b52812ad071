// The matrix: a row for each clause, by call and topic; a column for each kernel, by version.

import { judged } from "./data.js";
import { address, el, many, spoken } from "./dom.js";
import { filterBar, shownCases, shownKernels } from "./filters.js";
import { VERDICTS } from "./words.js";

/** The view with its filters. */
export function matrix(report, filter) {
    const { bar, search, count } = filterBar(report, filter, () => draw());
    const scroll = el("div", {
        class: "scroll",
        role: "region",
        "aria-label": "Clauses by kernels",
        tabindex: "0",
    });
    const view = el(
        "div",
        { class: "pane" },
        el("h1", { class: "spoken" }, "Clauses by kernels"),
        bar,
        scroll,
    );
    let calls = [];
    let columns = null;

    const draw = () => {
        const kernels = shownKernels(report, filter);
        const key = kernels.map((kernel) => kernel.key).join(" ");
        if (columns !== key) {
            columns = key;
            const built = table(report, kernels);
            calls = built.calls;
            scroll.replaceChildren(built.table);
        }
        let shown = 0;
        for (const call of calls) {
            let left = 0;
            for (const topic of call.topics) {
                const kept = topic.rows.filter(({ clause, node }) => {
                    const any = shownCases(report, filter, clause, kernels).length > 0;
                    node.hidden = !any || !call.open;
                    return any;
                });
                topic.node.hidden = !kept.length || !call.open || !topic.name;
                left += kept.length;
            }
            call.node.hidden = !left;
            call.count.textContent = many(left, "clause");
            shown += left;
        }
        count.textContent = `${shown} of ${many(report.clauses.length, "clause")}`;
        rove(scroll);
    };
    scroll.addEventListener("redraw", draw);
    scroll.addEventListener("keydown", (event) => walk(event, scroll));
    draw();
    return { view, search, draw };
}

function table(report, kernels) {
    const lines = [];
    for (const kernel of kernels) {
        if (lines.at(-1)?.name === kernel.line) lines.at(-1).span += 1;
        else lines.push({ name: kernel.line, span: 1 });
    }
    const head = el(
        "thead",
        {},
        el(
            "tr",
            { class: "lines" },
            el("th", { rowspan: "2", scope: "col", class: "corner" }, "Clause"),
            lines.map((line) =>
                el(
                    "th",
                    { scope: "colgroup", colspan: String(line.span) },
                    el("span", {}, line.name),
                ),
            ),
        ),
        el(
            "tr",
            {},
            kernels.map((kernel, number) =>
                el(
                    "th",
                    { scope: "col", title: title(kernel), class: lineEdge(kernels, number) },
                    el(
                        "span",
                        { class: "short" },
                        kernel.short,
                        kernel.before && el("small", {}, "before"),
                    ),
                    spoken(` ${kernel.label}`),
                ),
            ),
        ),
    );
    const calls = new Map();
    for (const clause of report.clauses) {
        if (!calls.has(clause.call)) calls.set(clause.call, new Map());
        const topics = calls.get(clause.call);
        if (!topics.has(clause.topic)) topics.set(clause.topic, []);
        topics.get(clause.topic).push(clause);
    }
    const groups = [...calls].map(([call, topics]) => group(report, kernels, call, topics));
    return {
        calls: groups,
        table: sized(
            kernels.length,
            el(
                "table",
                { class: "matrix" },
                el(
                    "caption",
                    { class: "spoken" },
                    "What each clause comes to on each kernel. Arrow keys move between the cells, Enter opens the details.",
                ),
                el(
                    "colgroup",
                    {},
                    el("col", { class: "clauses" }),
                    kernels.map(() => el("col", { class: "kernel" })),
                ),
                head,
                groups.map((each) => each.body),
            ),
        ),
    };
}

/** Few kernels have wide columns; with many of them what is seen at once counts more. */
function sized(count, made) {
    const width = [14, 12, 11, 9, 8, 7][count - 1] || (count < 10 ? 6 : 4.6);
    made.style.setProperty("--column", `${width}rem`);
    made.style.setProperty("--columns", String(count));
    return made;
}

function title(kernel) {
    const { release, machine } = kernel.facts;
    return [kernel.label, release, machine, kernel.problem].filter(Boolean).join("\n");
}

/** A line between lines of kernels. */
function lineEdge(kernels, number) {
    return number && kernels[number - 1].line !== kernels[number].line ? "edge" : "";
}

function group(report, kernels, call, topics) {
    const found = { open: true, topics: [], count: el("small", {}) };
    const button = el(
        "button",
        { type: "button", "aria-expanded": "true" },
        el("span", { class: "name" }, call),
        " ",
        found.count,
    );
    button.addEventListener("click", () => {
        found.open = !found.open;
        button.setAttribute("aria-expanded", String(found.open));
        button.dispatchEvent(new CustomEvent("redraw", { bubbles: true }));
    });
    const clauses = [...topics.values()].flat();
    found.node = el(
        "tr",
        { class: "call" },
        el("th", { scope: "rowgroup" }, button),
        kernels.map((kernel, number) =>
            el("td", { class: lineEdge(kernels, number) }, tally(report, clauses, kernel)),
        ),
    );
    found.topics = [...topics].map(([name, members]) => ({
        name,
        node: el(
            "tr",
            { class: "topic" },
            el("th", { scope: "row" }, el("span", { class: "name" }, name)),
            kernels.map((_, number) => el("td", { class: lineEdge(kernels, number) })),
        ),
        rows: members.map((clause) => ({ clause, node: row(report, kernels, clause) })),
    }));
    found.body = el(
        "tbody",
        {},
        found.node,
        found.topics.map((topic) => [topic.node, topic.rows.map((each) => each.node)]),
    );
    return found;
}

/** In the row of a call: how many clauses are broken on a kernel, else how many are kept. */
function tally(report, clauses, kernel) {
    const counts = {};
    for (const clause of clauses) {
        const { verdict } = judged(report, clause, kernel);
        if (verdict) counts[verdict] = (counts[verdict] || 0) + 1;
    }
    const worst = [
        "crash",
        "hang",
        "fail",
        "stale",
        "error",
        "miss",
        "pass",
        "deviation",
        "skip",
    ].find((word) => counts[word]);
    if (!worst) return spoken("not run");
    const words = Object.entries(counts)
        .map(([verdict, count]) => `${count} ${VERDICTS[verdict].say}`)
        .join(", ");
    return el(
        "span",
        { class: `tally v-${worst}`, title: words },
        el("span", { "aria-hidden": "true" }, `${VERDICTS[worst].sign} ${counts[worst]}`),
        spoken(words),
    );
}

function row(report, kernels, clause) {
    const link = el(
        "a",
        { href: address(clause.id), tabindex: "-1" },
        el("span", { class: "name" }, clause.name),
        " ",
        clause.strength && el("small", { class: `strength ${clause.strength}` }, clause.strength),
        el("span", { class: "say" }, clause.statement),
    );
    const cells = kernels.map((kernel, number) =>
        cell(
            clause,
            kernel,
            judged(report, clause, kernel),
            lineEdge(kernels, number),
            report.changesOn(clause, kernel),
        ),
    );
    return el(
        "tr",
        { class: "clause", "data-clause": clause.id },
        el("th", { scope: "row" }, link),
        cells,
    );
}

function cell(clause, kernel, found, line, changes) {
    const { verdict, counts, total, answers } = found;
    if (!verdict) return el("td", { class: line }, spoken("not run"));
    const words = answers.length ? `observed ${answers.join("; ")}` : VERDICTS[verdict].say;
    const of =
        (total > 1 ? `, ${counts[verdict]} of ${total} cases` : "") +
        (changes ? "; changes here" : "");
    const kinds = [
        `v-${verdict}`,
        answers.length && "answer",
        answers.length === 1 && "single",
        line,
        changes && "differs",
    ];
    return el(
        "td",
        { class: kinds.filter(Boolean).join(" ") },
        el(
            "a",
            {
                href: address(clause.id, kernel),
                tabindex: "-1",
                title: `${kernel.label}: ${words}${of}`,
            },
            el("span", { "aria-hidden": "true" }, seen(found)),
            spoken(`${words}${of}`),
        ),
    );
}

/** What is seen in a cell: the sign, a word where it is not the rule, and how many cases. */
function seen({ verdict, counts, total, answers }) {
    if (answers.length > 1) return `${answers.length} answers`;
    if (answers.length) return answers[0].replace(/^-1 (?=E[A-Z0-9]+$)/, "");
    const { sign, say } = VERDICTS[verdict];
    if (verdict === "pass") return sign;
    const part = counts[verdict] < total && el("small", {}, `${counts[verdict]}/${total}`);
    return [verdict === "skip" ? sign : `${sign} ${say}`, part];
}

// One cell of the table is in the order of the Tab key; arrows move from it.

const links = (line) => [...line.querySelectorAll("th > a, th > button, td > a")];

function rove(scroll) {
    if (scroll.querySelector('tr:not([hidden]) a[tabindex="0"]')) return;
    for (const old of scroll.querySelectorAll('a[tabindex="0"]')) old.tabIndex = -1;
    const first = scroll.querySelector("tr.clause:not([hidden]) a");
    if (first) first.tabIndex = 0;
}

function walk(event, scroll) {
    const here = event.target.closest("a, button");
    const from = here?.closest("tr");
    if (!from || event.altKey || event.ctrlKey || event.metaKey) return;
    const rows = [...scroll.querySelectorAll("tbody tr:not([hidden])")].filter(
        (each) => links(each).length,
    );
    const across = links(from).indexOf(here);
    const place = rows.indexOf(from);
    const to = {
        ArrowDown: [place + 1, across],
        ArrowUp: [place - 1, across],
        ArrowRight: [place, across + 1],
        ArrowLeft: [place, across - 1],
        Home: [event.shiftKey ? 0 : place, 0],
        End: [event.shiftKey ? rows.length - 1 : place, Infinity],
        PageDown: [Math.min(place + 15, rows.length - 1), across],
        PageUp: [Math.max(place - 15, 0), across],
    }[event.key];
    if (!to || !rows[to[0]] || to[1] < 0) return;
    event.preventDefault();
    const targets = links(rows[to[0]]);
    const target = targets[Math.min(to[1], targets.length - 1)];
    for (const old of scroll.querySelectorAll('a[tabindex="0"]')) old.tabIndex = -1;
    if (target.matches("a")) target.tabIndex = 0;
    target.focus();
    target.closest("th, td").scrollIntoView({ block: "nearest", inline: "nearest" });
}
