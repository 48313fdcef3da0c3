"""Shows numbers about as office programs do. Knows no file format."""

import re

PERCENT = re.compile(r"0(?:\.([0#]+))?%")
ZEROS = re.compile("0{2,}")
UNIT = re.compile(r'[0#]"([^"]+)"$')
CURRENCY = re.compile(r"[¥￥$€£]")
SEPARATED = re.compile(r"[#0],[#0]{3}(?!(?:\.[#0]+)?,)")  # a comma behind the digits divides
THOUSANDS = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")
LOCALE = re.compile(r"\[\$([^\]-]*)(?:-[^\]]*)?\]")  # [$¥-804]: a sign and a country


def show_number(value: float, form: str) -> str:
    """Return a number; percentages, signs of currency, units and leading zeros by its format."""
    form = LOCALE.sub(r"\1", form).partition(";")[0]
    if match := PERCENT.search(form):
        digits = match.group(1) or ""
        text = f"{100 * value:.{len(digits)}f}"
        return (text.rstrip("0").rstrip(".") if "#" in digits else text) + "%"
    text = str(value) if isinstance(value, int) else f"{value:.15g}"
    if SEPARATED.search(form):
        text = separate(text)
    if ZEROS.fullmatch(form):
        text = text.zfill(len(form))
    sign, unit = CURRENCY.search(form), UNIT.search(form)
    return f"{sign.group() if sign else ''}{text}{unit.group(1) if unit else ''}"


def separate(text: str) -> str:
    """Return a number with commas between its thousands; search finds it with and without them."""
    whole, point, decimals = text.partition(".")
    return THOUSANDS.sub(",", whole) + point + decimals
