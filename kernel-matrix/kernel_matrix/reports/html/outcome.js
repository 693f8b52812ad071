// A case on the kernels: those on which it came to the same are told of together.

import { inWords } from "./data.js";
import { el, spoken } from "./dom.js";
import { SKIPS, VERDICTS } from "./words.js";

/** The sign and the word of a verdict. */
export function badge(verdict) {
    const { sign, say } = VERDICTS[verdict];
    return el(
        "span",
        { class: `badge v-${verdict}` },
        el("span", { "aria-hidden": "true" }, sign),
        " ",
        say,
    );
}

/** Only the sign; the word is for screen readers. */
export function mark(verdict) {
    const { sign, say } = VERDICTS[verdict];
    return el(
        "span",
        { class: `mark v-${verdict}`, title: say },
        el("span", { "aria-hidden": "true" }, sign),
        spoken(say),
    );
}

// Numbers in messages are addresses, process ids and times as often as they are answers.
const steady = (text) => text.replace(/0x[0-9a-f]+|\d+/g, "N");

/** The kernels of a case by what it came to, worst first. */
export function groups(report, found, kernels) {
    const by = new Map();
    for (const kernel of kernels) {
        const outcome = report.result(found, kernel);
        if (!outcome) continue;
        const key = JSON.stringify([
            outcome.verdict,
            outcome.observed,
            outcome.expected,
            outcome.skip,
            outcome.reason,
            outcome.known,
            outcome.title,
            outcome.again,
            outcome.observed || outcome.title ? "" : steady(outcome.message),
        ]);
        if (!by.has(key)) by.set(key, { outcome, kernels: [] });
        by.get(key).kernels.push(kernel);
    }
    const order = Object.keys(VERDICTS);
    return [...by.values()].sort(
        (a, b) => order.indexOf(a.outcome.verdict) - order.indexOf(b.outcome.verdict),
    );
}

/** One group as a block; level is that of its heading. */
export function block(report, found, group, level) {
    const { outcome, kernels } = group;
    return el(
        "section",
        { class: `outcome edge-${outcome.verdict}` },
        el(
            `h${level}`,
            {},
            badge(outcome.verdict),
            " ",
            el("span", { class: "on" }, `on ${inWords(report, kernels)}`),
        ),
        facts(report, found, group),
        LOGS.map((_, number) => log(report, found, kernels, number)),
    );
}

function facts(report, found, { outcome, kernels }) {
    const skip = outcome.skip && `${outcome.skip}: ${outcome.reason}`;
    const meaning = SKIPS[outcome.skip];
    // A message repeats what has a line of its own, except where it is all that there is.
    const said = outcome.skip ? "" : outcome.message;
    const times = kernels.map((kernel) => report.milliseconds(found, kernel)).sort((a, b) => a - b);
    const lines = [
        ["expected", outcome.expected, "value good"],
        ["observed", outcome.observed, outcome.expected ? "value bad" : "value"],
        ["kernel says", outcome.title, "value bad"],
        ["tried again", outcome.again, ""],
        ["message", said !== outcome.title && said, "value"],
        ["in", outcome.trace, "value trace"],
        ["skipped", skip && el("span", {}, skip, meaning && el("small", {}, ` (${meaning})`)), ""],
        ["known", outcome.known, ""],
        ["was", outcome.was && outcome.was !== "fail" ? outcome.was : "", ""],
        ["took", times.at(-1) >= 500 && range(times), ""],
    ].filter(([, text]) => text);
    if (!lines.length) return null;
    return el(
        "dl",
        {},
        lines.map(([name, text, kind]) => [el("dt", {}, name), el("dd", { class: kind }, text)]),
    );
}

const seconds = (milliseconds) => (milliseconds / 1000).toFixed(1);

function range(times) {
    const [first, last] = [seconds(times[0]), seconds(times.at(-1))];
    return first === last ? `${last} s` : `${first} to ${last} s`;
}

const LOGS = ["transcript", "console", "pytest's report"];
const SHOWN = 2; // of these are open at once where there is one kernel

/** One sort of log of a case, folded; with several kernels there is a choice. */
function log(report, found, kernels, number) {
    const name = LOGS[number];
    const having = kernels.filter(
        (kernel) =>
            report.logs(found, kernel)[number] !== undefined &&
            report.logs(found, kernel)[number] !== "",
    );
    if (!having.length) return null;
    const text = el("pre", {
        tabindex: "0",
        role: "group",
        "aria-label": `${name} of ${found.names}${found.row}`,
    });
    const choice = el(
        "select",
        { "aria-label": `Kernel of the ${name}`, onchange: () => fill() },
        having.map((kernel, place) => el("option", { value: String(place) }, kernel.label)),
    );
    const fill = () => {
        const kept = report.logs(found, having[Number(choice.value)])[number];
        text.textContent =
            kept === null
                ? "Left out to keep this page small; the journal of the run has it."
                : kept;
    };
    const fold = el(
        "details",
        { class: "log" },
        el(
            "summary",
            {},
            name,
            having.length === 1 && kernels.length > 1 && ` on ${having[0].label}`,
        ),
    );
    // Of thousands of logs only those that are looked at become elements.
    const unfold = () => {
        if (fold.children.length > 1) return;
        fold.append(having.length > 1 ? el("p", {}, "on ", choice) : "", text);
        fill();
    };
    fold.addEventListener("toggle", unfold);
    if (kernels.length === 1 && number < SHOWN) {
        unfold();
        fold.open = true;
    }
    return fold;
}
