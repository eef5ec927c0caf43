"""What every mail must be: safe, complete, readable in both schemes, and small enough."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from bs4 import BeautifulSoup, Comment
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter import rendering
from newsletter.cleaning import INVISIBLE
from newsletter.rendering import (
    GREETING_SLOT,
    MAX_HTML_BYTES,
    MAX_TAGS,
    TOKEN_SLOT,
    RenderError,
    header_value,
    neutralise,
    render_edition,
    sanitise_rich_text,
    with_tracking,
)
from tests.newsletter.samples import HIGHLIGHTS, SITE, edition, item, long_edition, sections

TEMPLATE_SYNTAX = [
    "{{ name }}",
    "{{{name}}}",
    "{% if x %}",
    "{# x #}",
    "{$name}",
    "%recipient.name%",
    "%unsubscribe_url%",
    "<%name%>",
    "*|NAME|*",
    "[[data:name]]",
    "[%name%]",
]
SYNTAX = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|\{\$|<%|%>|\*\||\|\*|\[\[|\]\]|\[%|%\]|%[A-Za-z_][\w.-]*%")
BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
DEEP = 10_000


@pytest.fixture(scope="module")
def rendered():
    return render_edition(edition())


@pytest.fixture
def parsed(rendered):
    return BeautifulSoup(rendered.html, "html.parser")


def with_headline(text, **changes):
    return edition(highlights=(replace(HIGHLIGHTS[0], headline=text), *HIGHLIGHTS[1:]), **changes)


def visible(html):
    return BeautifulSoup(html, "html.parser").body.get_text()


# --- What it says ---------------------------------------------------------------------------------


def test_text_and_html_say_the_same_in_the_same_order(rendered, parsed):
    content = edition()
    said = visible(rendered.html)
    plain = " ".join(rendered.text.split())
    for words in (said, plain):
        places = [words.index(each.headline) for each in content.items]
        assert places == sorted(places)
        for each in content.items:
            assert each.summary in words
            assert each.date_line in words
            assert each.audience_label in words
        for one in (content.month, content.helpline_number, content.helpline_hours, content.postal_address):
            assert one in words
        assert "Members only: log in to read" in words
        assert "See 6 more on the website" in words
        assert "for Health · North East." in words
    links = [a["href"] for a in parsed.select("h3 a")]
    assert links == [each.url for each in content.items]
    assert links == [line for line in rendered.text.splitlines() if "/item-" in line]


def test_links_in_the_text_stand_on_their_own_line(rendered):
    for line in rendered.text.splitlines():
        assert "://" not in line or re.fullmatch(r"\S+", line)
        assert len(line) <= 72 or "://" in line


def test_events_show_a_leaf_of_day_and_month(parsed):
    leaves = [[p.get_text() for p in leaf.select("p")] for leaf in parsed.select(".leaf")]
    assert leaves == [["Dec", "4"], ["Nov", "10"]]


def test_an_edition_without_items_still_says_where_to_look():
    empty = render_edition(edition(highlights=(), sections=(), more_count=0))
    for words in (visible(empty.html), empty.text):
        assert "nothing new for your choices" in words
        assert "highlights" not in words
    assert edition().more_url in empty.text


def test_a_section_without_items_has_no_heading():
    content = edition(sections=(*sections(), replace(sections()[0], heading="Nothing here", items=())))
    assert "Nothing here" not in render_edition(content).html
    assert "NOTHING HERE" not in render_edition(content).text


def test_notice_comes_first():
    shown = render_edition(edition(notice="Test send"))
    assert visible(shown.html).index("Test send") < visible(shown.html).index("e-news")
    assert shown.text.startswith("[Test send]")
    assert "Test send" not in render_edition(edition()).html


def test_the_archive_offers_no_way_to_leave():
    shown = render_edition(edition(unsubscribe_url="", preferences_url="", audience="", greeting="Hello,"))
    assert "Leave" not in visible(shown.html) + shown.text
    assert TOKEN_SLOT not in shown.html + shown.text


# --- How it is built ------------------------------------------------------------------------------


def test_language_and_direction_stand_on_the_page_and_its_wrapper(parsed):
    assert (parsed.html["lang"], parsed.html["dir"]) == ("en-GB", "ltr")
    wrapper = parsed.select_one("[role=article]")
    assert (wrapper["lang"], wrapper["dir"]) == ("en-GB", "ltr")
    assert 'lang="und"' not in str(parsed)


def test_every_table_is_for_layout(rendered):
    tables = re.findall(r"<table[^>]*>", rendered.html)  # those for Outlook, in comments, too
    assert len(tables) > 20
    assert all('role="presentation"' in table for table in tables)


def test_headings_are_in_order():
    shown = render_edition(edition(introduction_html="<h3>A word from us</h3><p>Hello</p>"))
    levels = [int(tag.name[1]) for tag in BeautifulSoup(shown.html, "html.parser").find_all(re.compile("^h[1-6]$"))]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_nothing_is_fetched_from_anywhere(rendered):
    assert not re.search(r"@import|url\(|src=|<img|<link|<script|fonts\.google", rendered.html)


def test_an_edition_is_compiled_once(monkeypatch):
    calls = []
    compile_mjml = rendering.compile_mjml
    monkeypatch.setattr(rendering, "compile_mjml", lambda source: calls.append(1) or compile_mjml(source))
    render_edition(edition())
    assert len(calls) == 1


def test_rendering_twice_gives_the_same_bytes(rendered):
    assert render_edition(edition()) == rendered


@pytest.mark.parametrize(("count", "limit"), [(12, 60_000), (25, MAX_HTML_BYTES)])
def test_size(count, limit):
    assert len(render_edition(long_edition(count)).html.encode()) < limit


def test_a_mail_that_would_be_cut_off_is_refused():
    with pytest.raises(RenderError, match="leave out some items"):
        render_edition(long_edition(70))


def test_a_template_that_does_not_compile_is_a_clear_error():
    with pytest.raises(RenderError, match="could not be compiled"):
        rendering.compile_mjml("<mjml><mj-body>")


# --- What people wrote stays text -----------------------------------------------------------------


@pytest.mark.parametrize(
    "evil", ["<script>alert(1)</script>", "<mj-raw>", "</td></tr>", '"><img src=x onerror=1>', "]]>"]
)
def test_markup_in_a_headline_is_shown_not_run(evil):
    shown = render_edition(with_headline(evil, subject=evil, preheader=evil, helpline_hours=evil))
    parsed = BeautifulSoup(shown.html, "html.parser")
    assert not parsed.select("script, img, [onerror]")
    assert parsed.select_one("h3").get_text() == evil
    for part in (shown.text, shown.subject):
        assert evil in part.replace("] ]", "]]")


def test_script_in_the_introduction_is_gone():
    evil = (
        '<p onclick="x()">Dear <strong>all</strong></p><script>alert(1)</script><img src=x onerror=alert(1)>'
        '<a href="javascript:alert(1)">one</a> <a href="https://example.org/?a=1&b=2" style="x">two</a>'
        '<a href="/admin/">three</a><style>p{}</style><mj-include path="/etc/passwd"/>'
    )
    shown = render_edition(edition(introduction_html=evil))
    assert not re.search(r"alert|onclick|onerror|javascript|mj-include|/admin/", shown.html + shown.text)
    assert "https://example.org/?a=1&b=2" in shown.text
    assert "<strong>all</strong>" in shown.html


@pytest.mark.parametrize("syntax", TEMPLATE_SYNTAX)
def test_template_syntax_reaches_no_provider_and_every_reader(syntax):
    text = f"Say {syntax} twice"
    shown = render_edition(
        with_headline(text, subject=text, preheader=text, audience=text, introduction_html=f"<p>{escaped(text)}</p>")
    )
    for part in (shown.subject, shown.html, shown.text):
        assert not SYNTAX.search(part)
    assert visible(shown.html).count(text) >= 4
    assert shown.text.replace(" ", "").count(text.replace(" ", "")) >= 2


def escaped(text):
    return text.replace("<", "&lt;")


@pytest.mark.parametrize("syntax", TEMPLATE_SYNTAX)
def test_neutralised_text_holds_no_template_syntax_however_often(syntax):
    once = neutralise(syntax * 3)
    assert not SYNTAX.search(once)
    assert neutralise(once) == once
    assert once.replace(" ", "") == (syntax * 3).replace(" ", "")


def test_template_syntax_in_an_address_is_encoded():
    url = "https://example.org/{{x}}/*|y|*/%recipient.z%/[[a]]?q={%b%}"
    shown = render_edition(edition(highlights=(replace(HIGHLIGHTS[0], url=url),)))
    assert not SYNTAX.search(shown.html)
    assert not SYNTAX.search(shown.text)
    assert "https://example.org/%7B%7Bx%7D%7D/" in shown.html


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "ftp://example.org/", "/directory/", "", "https://", "https://x y/"]
)
def test_an_item_needs_a_web_address(url):
    with pytest.raises(RenderError, match="must begin with https://"):
        render_edition(edition(highlights=(replace(HIGHLIGHTS[0], url=url),)))


def test_an_address_beyond_ascii_is_encoded():
    shown = render_edition(edition(highlights=(replace(HIGHLIGHTS[0], url="https://bücher.example/straße"),)))
    assert "https://xn--bcher-kva.example/stra%C3%9Fe" in shown.text


@pytest.mark.parametrize("tag", ["div", "ul", "ol", "strong", "blockquote", "mj-raw"])
def test_deep_nesting_survives(tag):
    deep = f"<{tag}>" * DEEP + "still here" + f"</{tag}>" * DEEP
    assert "still here" in visible(render_edition(edition(introduction_html=deep)).html)
    assert sanitise_rich_text(deep).count("<") < 100


def test_deep_nesting_of_several_tags_survives():
    deep = "<ul><li><b><i>" * 5_000 + "still here"
    assert sanitise_rich_text(deep).count("<ul>") <= rendering.MAX_DEPTH


def test_too_much_markup_or_text_is_refused_with_a_reason():
    with pytest.raises(RenderError, match="too much formatting"):
        sanitise_rich_text("<p>" * (MAX_TAGS + 1))
    for long in ("word " * 10_000, "<p>x</p>" * 10_000, "<a href='https://x.example.org/'>x</a>" * 10_000):
        with pytest.raises(RenderError, match="too long"):
            sanitise_rich_text(long)


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: x@example.org", "a\nb", "a\rb", "a\0b", "a\x85b", "a\u2028b", "a\x1bb", *BIDI]
)
def test_a_subject_that_no_header_can_carry_is_refused(bad):
    with pytest.raises(ValueError, match="one line of visible"):
        header_value(bad)
    with pytest.raises(ValueError, match="one line of visible"):
        render_edition(edition(subject=bad))


def test_a_usual_subject_is_kept():
    assert (
        header_value("October: café, 家族 & «Familien» – 5 % 👨‍👩‍👧") == "October: café, 家族 & «Familien» – 5 % 👨‍👩‍👧"
    )


def test_invisible_characters_are_dropped_everywhere():
    evil = f"a{BIDI}b\x00\x08\x1b\x7f\ue000\ufffe\U000f0000c"
    shown = render_edition(with_headline(evil, introduction_html=f"<p>{evil}</p>", audience=evil, greeting=evil))
    for part in (shown.html, shown.text):
        assert not set(part) & set(f"{BIDI}\x00\x08\x1b\x7f\ue000\ufffe\U000f0000")
        assert part.count("abc") >= 4


def test_right_to_left_text_sets_its_own_direction():
    arabic = "دليل للقابلات حول سجن أحد الوالدين"
    shown = BeautifulSoup(render_edition(with_headline(arabic)).html, "html.parser")
    heading = shown.select_one("h3")
    assert heading.get_text() == arabic
    assert heading["dir"] == "auto"


def test_long_words_may_break_in_html_and_stay_whole_in_text():
    word = "Donaudampfschifffahrtsgesellschaft" * 4
    shown = render_edition(with_headline(word))
    heading = BeautifulSoup(shown.html, "html.parser").select_one("h3")
    assert "word-break:break-word" in heading.find_parent("td")["style"].replace(" ", "")
    assert word in shown.text.splitlines()


@given(st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_any_text_renders_as_itself(text):
    shown = render_edition(with_headline(f"x{text}x", helpline_hours=text, postal_address=text))
    heading = BeautifulSoup(shown.html, "html.parser").select_one("h3").get_text()
    assert "".join(heading.split()) == "".join(INVISIBLE.sub("", f"x{text}x").split())


PIECES = [
    "<p>",
    "</p>",
    "<ul>",
    "<li>",
    "</ul>",
    "<b>",
    "</i>",
    "<a href='https://x'>",
    "<br>",
    "a ",
    "{{",
    "\x0c",
    "\ud800",
]
PIECES += [
    "&lt;",
    "&",
    "<",
    ">",
    "'",
    '"',
    "<!--",
    "-->",
    "]]>",
    "<![CDATA[",
    "&#0;",
    "&#xD800;",
    "</mj-raw>",
    "<script>",
]


@given(st.lists(st.sampled_from(PIECES)))
@settings(max_examples=100, deadline=None)
def test_any_rich_text_compiles(pieces):
    render_edition(edition(introduction_html="".join(pieces), sections=()))


# --- What differs per recipient -------------------------------------------------------------------


def test_slots_stand_exactly_where_they_belong(rendered, parsed):
    personal = [a["href"] for a in parsed.select("a[href]") if TOKEN_SLOT in a["href"]]
    assert personal == [f"{SITE}/e-news/p/{TOKEN_SLOT}/"] * 2 + [f"{SITE}/e-news/u/{TOKEN_SLOT}/"]
    assert rendered.html.count(TOKEN_SLOT) == 3
    assert rendered.text.count(TOKEN_SLOT) == 2
    assert rendered.html.count(GREETING_SLOT) == rendered.text.count(GREETING_SLOT) == 1
    assert parsed.select_one(".hello").get_text() == GREETING_SLOT
    assert TOKEN_SLOT not in rendered.subject


@pytest.mark.parametrize("slot", [TOKEN_SLOT, GREETING_SLOT])
def test_nobody_can_write_a_slot(slot, rendered):
    half = len(slot) // 2
    for evil in (
        slot,
        f"{slot[:half]}\u202e{slot[half:]}",
        f"{slot[:half]}{slot}{slot[half:]}",
        f"{slot[:half]}&#8238;{slot[half:]}",
    ):
        link = f'<a href="https://evil.example/{slot}">x</a>'
        shown = render_edition(
            with_headline(evil, preheader=evil, audience=evil, introduction_html=f"<p>{evil}{link}</p>")
        )
        assert shown.html.count(slot) == rendered.html.count(slot)
        assert shown.text.count(slot) == rendered.text.count(slot)
        assert slot not in neutralise(evil)


@pytest.mark.parametrize("field", ["more_url", "site_url", "archive_url"])
def test_only_leaving_and_preferences_are_personal_links(field):
    with pytest.raises(RenderError, match="reserved"):
        render_edition(edition(**{field: f"https://example.org/{TOKEN_SLOT}/"}))
    with pytest.raises(RenderError, match="reserved"):
        render_edition(edition(highlights=(replace(HIGHLIGHTS[0], url=f"https://evil.example/{TOKEN_SLOT}"),)))


LINKS = {each.url: each.number for each in edition().items}
CLICK = f"{SITE}/l/{TOKEN_SLOT}"
PIXEL = f"{SITE}/o/{TOKEN_SLOT}.gif?a=1&b=2"


def test_without_consent_the_mail_has_no_pixel_and_no_personal_link_but_leaving_and_preferences(rendered):
    html = with_tracking(rendered.html, links=LINKS, click_base=None, pixel_url=None)
    assert html == rendered.html
    personal = set(re.findall(rf'[^"]*{TOKEN_SLOT}[^"]*', html))
    assert personal == {edition().unsubscribe_url, edition().preferences_url}


def test_consent_to_clicks_changes_the_items_links_only(rendered):
    html = with_tracking(rendered.html, links=LINKS, click_base=CLICK, pixel_url=None)
    before, after = (
        [a["href"] for a in BeautifulSoup(each, "html.parser").select("a[href]")] for each in (rendered.html, html)
    )
    assert after == [f"{CLICK}/{LINKS[url]}" if url in LINKS else url for url in before]
    assert sum(CLICK in url for url in after) == 14
    assert "<img" not in html


def test_consent_to_opens_adds_one_pixel(rendered):
    html = with_tracking(rendered.html, links=LINKS, click_base=None, pixel_url=PIXEL)
    (pixel,) = BeautifulSoup(html, "html.parser").select("img")
    assert (pixel["src"], pixel["alt"], pixel["width"], pixel["height"]) == (PIXEL, "", "1", "1")
    assert html.replace(str(html[html.index("<img") : html.index("</body>")]), "") == rendered.html
    assert CLICK not in html


def test_only_a_whole_address_is_replaced():
    short = item(1, "policy", "Short", "s")
    content = edition(highlights=(replace(short, url=f"{SITE}/a/"), replace(short, url=f"{SITE}/a/b/")), sections=())
    html = with_tracking(render_edition(content).html, links={f"{SITE}/a/": 1}, click_base=CLICK, pixel_url=None)
    assert f'href="{CLICK}/1"' in html
    assert f'href="{SITE}/a/b/"' in html


# --- Readable in light and dark -------------------------------------------------------------------


def parse(style):
    """Inline style to the three properties that matter here: color, background, size."""
    found = {}
    for name, value in re.findall(r"([\w-]+)\s*:\s*([^;]+)", style):
        if name in {"color", "font-size"}:
            found[name] = value.replace("!important", "").strip()
        elif name in {"background", "background-color"} and (colour := re.search(r"#\w+", value)):
            found["background"] = colour[0]
        elif name == "font" and (size := re.search(r"([\d.]+px)", value)):
            found["font-size"] = size[1]
    return found


def styles_of(page, scheme):
    """Every element's own styles in a colour scheme: inline ones, overruled by the rules in the head."""
    styles = {id(tag): parse(tag.get("style", "")) for tag in page.find_all(True)}
    css = " ".join(style.get_text() for style in page.select("style"))
    if scheme == "light":
        return styles
    if scheme == "dark":
        rules = css[css.index("{", css.index("prefers-color-scheme")) + 1 : css.index("[data-ogsc]")]
    else:
        rules = css[css.index("[data-ogsc]") :].replace("[data-ogsc] ", "")
    for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", rules):
        for tag in page.select(selectors.strip()):
            styles[id(tag)] |= parse(body)
    return styles


def texts(page, styles):
    """Each visible text with the styles that reach it."""
    for node in page.body.find_all(string=True):
        if (
            isinstance(node, Comment)
            or not node.strip()
            or any("display:none" in p.get("style", "") for p in node.parents)
        ):
            continue
        chain = [styles[id(parent)] for parent in node.parents if id(parent) in styles]
        yield (
            node,
            *(next((s[name] for s in chain if name in s), None) for name in ("color", "background", "font-size")),
        )


def luminance(colour):
    colour = colour.lstrip("#")
    colour = "".join(c * 2 for c in colour) if len(colour) == 3 else colour
    parts = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    """WCAG 2.2 contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "outlook.com dark"])
def test_all_text_has_contrast(scheme):
    content = edition(
        notice="Test send", introduction_html="<h3>One</h3><p>Two <a href='https://x.example'>three</a></p>"
    )
    shown = BeautifulSoup(render_edition(content).html, "html.parser")
    seen = set()
    for node, colour, background, _ in texts(shown, styles_of(shown, scheme)):
        assert colour, f"{node!r} has no colour of its own"
        assert background, f"{node!r} has no background of its own"
        seen.add((colour, background))
        assert contrast(colour, background) >= 4.5, f"{node!r}: {colour} on {background}"
    assert len(seen) >= 10


def test_the_dark_scheme_is_dark():
    shown = BeautifulSoup(render_edition(edition()).html, "html.parser")
    backgrounds = {background for _, _, background, _ in texts(shown, styles_of(shown, "dark"))}
    # Only the leaf's month and the button stay bright, with text that suits them.
    assert {each for each in backgrounds if luminance(each) > 0.1} == {"#b45309", "#6cc9ae"}
    assert shown.select_one("meta[name=color-scheme]")["content"] == "light dark"


def test_no_text_is_smaller_than_16_px(parsed):
    sizes = {node: float(size.removesuffix("px")) for node, _, _, size in texts(parsed, styles_of(parsed, "light"))}
    assert {node: size for node, size in sizes.items() if size < 16} == {}
