// Elements made of texts, never of markup: what a guest said stays a text.

/** An element with attributes, listeners (onclick) and children; null and false are left out. */
export function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
        else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.flat(Infinity).filter((child) => child || child === 0));
    return node;
}

/** A text that only screen readers say. */
export function spoken(text) {
    return el("span", { class: "spoken" }, text);
}

/** "1 case", "2 cases". */
export function many(count, word) {
    return `${count} ${word}${count === 1 ? "" : "s"}`;
}

/** The address of a clause or a case, on one kernel if it is given. */
export function address(ident, kernel) {
    return `#${encodeURIComponent(ident)}${kernel ? `@${encodeURIComponent(kernel.key)}` : ""}`;
}

/** A long list: so many of it go into an element; returns a button that adds as many again. */
export function paged(items, make, into, size) {
    let shown = 0;
    const more = el("button", { type: "button", class: "more" });
    const add = () => {
        const made = items.slice(shown, shown + size).map(make);
        shown += made.length;
        into.append(...made);
        more.textContent = `Show more (${items.length - shown} left)`;
        more.hidden = shown >= items.length;
        return made;
    };
    more.addEventListener("click", () => {
        const [first] = add();
        first?.querySelector("a, button, summary")?.focus();
    });
    add();
    return more;
}
