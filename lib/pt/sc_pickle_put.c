#include "sc_pickle_put.h"

#include "sc_pt.h"

#include <string.h>

void sc_pickle_fail(sc_pickle_out *o, sc_status status, const char *fmt, ...)
{
    if (o->status != SC_OK)
        return;
    va_list ap;
    va_start(ap, fmt);
    o->status = sc_vfail(&o->err, status, fmt, ap);
    va_end(ap);
}

void sc_pickle_put_raw(sc_pickle_out *o, const void *bytes, size_t n)
{
    /* what was read may share parts, and be far larger once it is written out */
    if (n > SC_PT_MAX_PICKLE - o->buf.n)
        sc_pickle_fail(o, SC_EUSAGE, "the values of a model exceed %d MiB", SC_PT_MAX_PICKLE >> 20);
    if (o->status == SC_OK)
        o->status = sc_bytes_put(&o->buf, bytes, n, &o->err);
}

void sc_pickle_op(sc_pickle_out *o, int op)
{
    sc_pickle_op_number(o, op, 0, 0);
}

void sc_pickle_op_number(sc_pickle_out *o, int op, int size, uint64_t value)
{
    unsigned char b[9] = {(unsigned char)op};
    for (int k = 0; k < size; k++)
        b[k + 1] = (unsigned char)(value >> (8 * k));
    sc_pickle_put_raw(o, b, (size_t)size + 1);
}

void sc_pickle_put_global(sc_pickle_out *o, const char *module, const char *name)
{
    sc_pickle_op(o, OP_GLOBAL);
    sc_pickle_put_raw(o, module, strlen(module));
    sc_pickle_put_raw(o, "\n", 1);
    sc_pickle_put_raw(o, name, strlen(name));
    sc_pickle_put_raw(o, "\n", 1);
}

void sc_pickle_put_text(sc_pickle_out *o, const char *utf8, size_t n)
{
    if (n > UINT32_MAX)
        sc_pickle_fail(o, SC_EUSAGE, "a string of %zu bytes is too long", n);
    sc_pickle_op_number(o, OP_BINUNICODE, 4, n);
    sc_pickle_put_raw(o, utf8, n);
}

void sc_pickle_put_latin1(sc_pickle_out *o, const unsigned char *p, size_t n)
{
    size_t high = 0;
    for (size_t i = 0; i < n; i++)
        high += p[i] >= 0x80;
    if (n > SC_PT_MAX_PICKLE)
        sc_pickle_fail(o, SC_EUSAGE, "an array of %zu bytes is too long", n);
    sc_pickle_put_global(o, "_codecs", "encode");
    sc_pickle_op_number(o, OP_BINUNICODE, 4, n + high);
    for (size_t i = 0; i < n && o->status == SC_OK; i++) {
        const unsigned char wide[2] = {(unsigned char)(0xc0 | p[i] >> 6),
                                       (unsigned char)(0x80 | (p[i] & 0x3f))};
        sc_pickle_put_raw(o, p[i] < 0x80 ? &p[i] : wide, p[i] < 0x80 ? 1 : 2);
    }
    sc_pickle_put_text(o, "latin1", 6);
    sc_pickle_op(o, OP_TUPLE2);
    sc_pickle_op(o, OP_REDUCE);
}
