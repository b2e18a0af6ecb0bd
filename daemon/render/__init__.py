"""How replies look in a terminal: plain text, measured, coloured where that helps, in two languages."""
