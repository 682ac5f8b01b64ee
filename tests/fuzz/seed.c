/* Turns a stream or a model into what fuzz_stream takes: seed FILE >SEED. */
#include "sc_stream_int.h"

#include <stdio.h>
#include <stdlib.h>

static sc_status convert(sc_in *in, sc_err *err)
{
    static const uint32_t tags[] = {SC_TAG_HEADER, SC_TAG_MODEL,  SC_TAG_BLOCK,
                                    SC_TAG_ELEM,   SC_TAG_TENSOR, SC_TAG_END};
    sc_head h = {0};
    putchar(0);
    while (h.tag != SC_TAG_END) {
        uint8_t *raw;
        int k = 0;
        SC_TRY(sc_in_head(in, &h, err));
        SC_TRY(sc_in_record(in, &h, &raw, err));
        while (k < 5 && tags[k] != h.tag)
            k++;
        if (h.raw_size > UINT16_MAX) {
            free(raw);
            return sc_fail(err, SC_EDATA, "a record is too long for a seed");
        }
        putchar(k);
        putchar((int)(h.raw_size & 0xff));
        putchar((int)(h.raw_size >> 8));
        (void)fwrite(raw, 1, h.raw_size, stdout);
        free(raw);
    }
    return SC_OK;
}

int main(int argc, char **argv)
{
    sc_err err = {0};
    sc_in in = {.spool = -1};
    FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
    sc_status st =
        f ? sc_in_open(&in, fileno(f), argv[1], &err) : sc_fail(&err, SC_EUSAGE, "seed FILE");
    if (st == SC_OK)
        st = convert(&in, &err);
    if (st != SC_OK)
        fprintf(stderr, "seed: %s\n", err.msg);
    sc_in_close(&in);
    if (f)
        fclose(f);
    return sc_status_exit(st);
}
