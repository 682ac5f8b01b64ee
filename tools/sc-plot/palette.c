#include "plot.h"

#include <math.h>

const plot_colour plot_ink = {0.15, 0.15, 0.17};
const plot_colour plot_faint = {0.45, 0.45, 0.48};
const plot_colour plot_missing = {0.80, 0.80, 0.80};

static plot_colour of_hex(uint32_t hex)
{
    return (plot_colour){(hex >> 16) / 255.0, (hex >> 8 & 255) / 255.0, (hex & 255) / 255.0};
}

/* The first eight are those of Okabe and Ito (jfly.uni-koeln.de/color), the black one replaced by a
 * slate grey; then darker and lighter ones between them. */
plot_colour plot_category_colour(int64_t k)
{
    static const uint32_t hex[] = {0x0072B2, 0xE69F00, 0x009E73, 0xCC79A7, 0x56B4E9,
                                   0xD55E00, 0xF0E442, 0x5C6470, 0x7B3294, 0x8C510A,
                                   0x80CDC1, 0xA6D854, 0xB2182B, 0x1B2A6B, 0xFDB8A0,
                                   0x4D6B1E, 0xB3A2D9, 0x00565B, 0xE7298A, 0xC7B299};
    const int64_t n = (int64_t)(sizeof hex / sizeof *hex);
    plot_colour c = of_hex(hex[k % n]);
    /* further rounds come lighter and darker in turn */
    const double light = (double)((k / n + 1) / 2) * 0.3, part = light > 0.75 ? 0.75 : light;
    const double towards = (k / n) % 2 ? 1 : 0;
    c.r += (towards - c.r) * part;
    c.g += (towards - c.g) * part;
    c.b += (towards - c.b) * part;
    return c;
}

static plot_colour between(const uint32_t *hex, int n, double u)
{
    const int last = n - 1;
    if (isnan(u))
        return plot_missing;
    const double at = (u < 0 ? 0 : u > 1 ? 1 : u) * last;
    const int k = at >= last ? last - 1 : (int)at;
    const plot_colour a = of_hex(hex[k]), b = of_hex(hex[k + 1]);
    const double part = at - k;
    return (plot_colour){a.r + (b.r - a.r) * part, a.g + (b.g - a.g) * part,
                         a.b + (b.b - a.b) * part};
}

/* Stops of a ramp from deep violet over teal to yellow, whose lightness rises evenly and whose hues
 * stay apart for every kind of colour vision. */
plot_colour plot_ramp_colour(double u)
{
    static const uint32_t hex[] = {0x440F54, 0x472F7D, 0x3B528B, 0x2C718E, 0x21908C,
                                   0x27AD81, 0x5CC863, 0xAADC32, 0xF2E127};
    return between(hex, (int)(sizeof hex / sizeof *hex), u);
}

/* From light grey, which cells without a transcript have, to a dark violet: lightness falls evenly.
 */
plot_colour plot_gene_colour(double u)
{
    static const uint32_t hex[] = {0xDDDCE0, 0xD3B5C8, 0xC988B0, 0xB35A9C,
                                   0x8F3089, 0x5F1570, 0x2E0854};
    return between(hex, (int)(sizeof hex / sizeof *hex), u);
}

/* White to deep blue, of shares. */
plot_colour plot_share_colour(double u)
{
    static const uint32_t hex[] = {0xFFFFFF, 0xCFE1EF, 0x8FBEDC, 0x4793C4, 0x0B66A8, 0x053F73};
    return between(hex, (int)(sizeof hex / sizeof *hex), u);
}
