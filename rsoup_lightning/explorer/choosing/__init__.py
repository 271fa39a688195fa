"""Where λ is chosen: on the front, by sliders or in a triangle; and the address that holds it."""
