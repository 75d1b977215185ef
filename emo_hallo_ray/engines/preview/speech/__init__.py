"""From sound to mouth: a small network hears visemes, a table says what lips and jaw do for them."""
