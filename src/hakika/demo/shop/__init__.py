"""A small shop that takes M-Pesa through Hakika, as any shop would: by its public API.

`goods` is what it sells, `app` its backend, which alone holds the API key, and `static` the page.
"""
