// The page's data, unpacked: kernels, clauses, cases, and what each case came to on each kernel.

import { TELLING_SKIPS, WORST_FIRST } from "./words.js";

const NO_CLAUSE = "no clause";

/** The JSON block as objects that point to each other. */
export function unpack(raw) {
    const text = (number) => raw.texts[number || 0];
    const outcomes = raw.outcomes.map((o) => ({
        verdict: o[0],
        observed: text(o[1]),
        expected: text(o[2]),
        message: text(o[3]),
        skip: text(o[4]),
        reason: text(o[5]),
        known: text(o[6]),
        was: o[7] || "",
        title: text(o[8]),
        trace: text(o[9]),
        again: o[10] || "",
    }));
    const clauses = raw.clauses.map(([id, strength, source, statement]) => {
        const [call, topic, ...rest] = id.split(":");
        const name = rest.join(":") || topic;
        return {
            id,
            call,
            topic,
            name,
            cases: [],
            strength: text(strength),
            source: text(source),
            statement: text(statement),
        };
    });
    const cases = raw.cases.map(([path, row, strength, ...numbers]) => {
        const [file, ...names] = text(path).split("::");
        const found = {
            id: text(path) + text(row),
            file,
            names: names.join("::"),
            row: text(row),
            strength: text(strength),
            clauses: numbers.map((number) => clauses[number]),
            changed: false,
        };
        if (!numbers.length) found.clauses.push(unclaimed(clauses, file));
        for (const clause of found.clauses) clause.cases.push(found);
        return found;
    });
    cases.forEach((found, number) => {
        found.number = number;
    });
    const kernels = raw.kernels.map((kernel, number) => ({
        ...kernel,
        number,
        short: short(kernel.id),
    }));
    distinct(kernels);
    const changes = raw.changes.map((change) => ({
        ...change,
        case: cases[change.case],
        text: text(change.text),
        kernels: change.kernels.map((number) => kernels[number]),
        spans: change.spans.map(([first, last, words, verdict]) => ({
            first,
            last,
            words: text(words),
            verdict,
        })),
    }));
    const comparison = raw.comparison && compared(raw.comparison, kernels, cases, text);
    for (const change of comparison ? comparison.changes : changes) change.case.changed = true;
    // With a comparison the neighbour of a kernel is the one that it is compared with.
    const edges = new Set(
        comparison
            ? comparison.changes.flatMap(({ case: found, pair }) =>
                  found.clauses.map((clause) => edge(clause, pair.after)),
              )
            : changes.flatMap(({ case: found, kernels: line, spans }) =>
                  spans
                      .slice(1)
                      .flatMap((span) =>
                          found.clauses.map((clause) => edge(clause, line[span.first])),
                      ),
              ),
    );
    return {
        ...raw,
        texts: null,
        outcomes: null,
        kernels,
        clauses,
        cases,
        changes,
        comparison,
        result: (found, kernel) => outcomes[kernel.outcomes[found.number]] || null,
        /** Whether a case of a clause does something else there than on the kernel before. */
        changesOn: (clause, kernel) => edges.has(edge(clause, kernel)),
        milliseconds: (found, kernel) => kernel.milliseconds[found.number],
        earlier: (found) => (raw.earlier[found.number] || []).map(text),
        logs: (found, kernel) =>
            (kernel.logs[found.number] || []).map((number) => (number < 0 ? null : text(number))),
    };
}

const edge = (clause, kernel) => `${kernel.number} ${clause.id}`;

/** The row for cases that name no clause: their file stands for it. */
function unclaimed(clauses, file) {
    const id = `${NO_CLAUSE}: ${file}`;
    let found = clauses.find((clause) => clause.id === id);
    if (!found) {
        found = {
            id,
            call: NO_CLAUSE,
            topic: "",
            name: file,
            cases: [],
            strength: "",
            source: "",
            statement: "cases that name no promise",
        };
        clauses.push(found);
    }
    return found;
}

/** A kernel's name under that of its line: "6.12" of "reference:6.12+debug". */
function short(id) {
    return id.slice(id.indexOf(":") + 1).replace(/\+[a-z]+$/, "") || id;
}

/** Labels and keys that tell a kernel from the one it is compared with. */
function distinct(kernels) {
    const taken = new Set();
    for (const kernel of kernels) {
        kernel.plain = kernel.label;
        if (kernel.before) kernel.label += " (before)";
        kernel.key = kernel.before ? `before:${kernel.id}` : kernel.id;
        while (taken.has(kernel.key)) kernel.key += "'";
        taken.add(kernel.key);
    }
}

function compared(raw, kernels, cases, text) {
    const pairs = raw.pairs.map((pair) => ({
        before: kernels[pair.before],
        after: kernels[pair.after],
        counts: pair.counts,
    }));
    const changes = raw.pairs.flatMap((pair, number) =>
        pair.changes.map(([found, transition, regression, detail, known]) => ({
            pair: pairs[number],
            case: cases[found],
            transition,
            regression: Boolean(regression),
            detail: text(detail),
            known: text(known),
        })),
    );
    return { ...raw, pairs, changes };
}

/** What a clause comes to on a kernel: its worst case, how many came to what, and the answers. */
export function judged(report, clause, kernel) {
    const counts = {};
    const answers = new Set();
    let total = 0;
    for (const found of clause.cases) {
        const outcome = report.result(found, kernel);
        if (!outcome) continue;
        total += 1;
        counts[outcome.verdict] = (counts[outcome.verdict] || 0) + 1;
        if (clause.strength === "observed" && outcome.verdict === "pass" && outcome.observed) {
            answers.add(outcome.observed);
        }
    }
    const verdict = WORST_FIRST.find((word) => counts[word]) || "";
    return { verdict, counts, total, answers: verdict === "pass" ? [...answers] : [] };
}

/** Whether an outcome says something of the kernel. */
export function telling(outcome) {
    if (!outcome || outcome.verdict === "error" || outcome.verdict === "miss") return false;
    return outcome.verdict !== "skip" || TELLING_SKIPS.includes(outcome.skip);
}

/** Kernels in words: "debian 6.1 to 7.3, local". */
export function inWords(report, some) {
    if (some.length > 1 && some.length === report.kernels.length)
        return `all ${some.length} kernels`;
    const runs = [];
    for (const kernel of some) {
        const last = runs.at(-1);
        const next =
            last && last.at(-1).number + 1 === kernel.number && last.at(-1).line === kernel.line;
        if (next) last.push(kernel);
        else runs.push([kernel]);
    }
    return runs
        .map((run) =>
            run.length > 2
                ? `${run[0].label} to ${run.at(-1).short}`
                : run.map((k) => k.label).join(", "),
        )
        .join(", ");
}
