/* Text of loom files before specification 3: ASCII, other characters as XML's escapes. */
#ifndef SC_FORMATS_LOOM_ESCAPE_H
#define SC_FORMATS_LOOM_ESCAPE_H

#include "sc_data.h"

/* Puts characters for &#233; &#xE9; &amp; &lt; &gt; &quot; &apos;. What is no escape stays. */
sc_status loom_unescape(sc_strs *s, sc_err *err) SC_MUST_CHECK;

#endif
