#include "plot.h"

#include <cairo-pdf.h>
#include <cairo-svg.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static cairo_status_t put(void *ctx, const unsigned char *data, unsigned len)
{
    plot_page *p = ctx;
    while (len > 0) {
        const ssize_t n = write(p->file.fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            p->io_errno = errno;
            return CAIRO_STATUS_WRITE_ERROR;
        }
        data += n;
        len -= (unsigned)n;
    }
    return CAIRO_STATUS_SUCCESS;
}

static sc_status format_of(const plot_opts *o, plot_format *format, sc_err *err)
{
    static const struct {
        const char *suffix;
        plot_format format;
    } known[] = {{".svg", PLOT_SVG}, {".png", PLOT_PNG}, {".pdf", PLOT_PDF}};
    *format = (plot_format)o->format;
    if (*format != PLOT_BY_NAME)
        return SC_OK;
    *format = PLOT_SVG;
    if (!o->output || strcmp(o->output, "-") == 0)
        return SC_OK;
    const char *dot = strrchr(o->output, '.');
    for (int k = 0; dot && k < 3; k++)
        if (strcasecmp(dot, known[k].suffix) == 0) {
            *format = known[k].format;
            return SC_OK;
        }
    return sc_fail(err, SC_EUSAGE,
                   "'%s' ends in none of .svg, .png, .pdf; --format says which it is to be",
                   o->output);
}

sc_status plot_page_open(plot_page *p, const plot_opts *o, double width, double height, sc_err *err)
{
    *p = (plot_page){.dpi = (double)o->dpi, .file = {.fd = -1}};
    SC_TRY(format_of(o, &p->format, err));
    SC_TRY(sc_output_open(&p->file, o->output, p->format != PLOT_SVG, err));
    if (p->format == PLOT_PNG) {
        const double zoom = p->dpi / 72;
        p->surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, (int)(width * zoom + 0.5),
                                                (int)(height * zoom + 0.5));
        cairo_surface_set_device_scale(p->surface, zoom, zoom);
    } else if (p->format == PLOT_PDF) {
        p->surface = cairo_pdf_surface_create_for_stream(put, p, width, height);
        /* the same input gives the same bytes, so the file has no date of its making */
        cairo_pdf_surface_set_metadata(p->surface, CAIRO_PDF_METADATA_CREATE_DATE,
                                       "2000-01-01T00:00:00Z");
    } else {
        p->surface = cairo_svg_surface_create_for_stream(put, p, width, height);
    }
    p->cr = cairo_create(p->surface);
    cairo_set_source_rgb(p->cr, 1, 1, 1);
    cairo_paint(p->cr);
    return SC_OK;
}

static sc_status failed(const plot_page *p, cairo_status_t status, sc_err *err)
{
    if (status == CAIRO_STATUS_WRITE_ERROR && p->io_errno) {
        errno = p->io_errno;
        return sc_fail_errno(err, "%s", p->file.name);
    }
    return sc_fail(err, status == CAIRO_STATUS_NO_MEMORY ? SC_ENOMEM : SC_EIO,
                   "%s: the picture could not be drawn: %s", p->file.name,
                   cairo_status_to_string(status));
}

sc_status plot_page_commit(plot_page *p, sc_err *err)
{
    cairo_status_t status = cairo_status(p->cr);
    if (status == CAIRO_STATUS_SUCCESS && p->format == PLOT_PNG)
        status = cairo_surface_write_to_png_stream(p->surface, put, p);
    cairo_surface_finish(p->surface);
    if (status == CAIRO_STATUS_SUCCESS)
        status = cairo_surface_status(p->surface);
    if (status != CAIRO_STATUS_SUCCESS)
        return failed(p, status, err);
    return sc_output_commit(&p->file, err);
}

void plot_page_close(plot_page *p)
{
    if (p->cr)
        cairo_destroy(p->cr);
    if (p->surface)
        cairo_surface_destroy(p->surface);
    p->cr = NULL;
    p->surface = NULL;
    sc_output_abandon(&p->file);
}

static void choose_font(cairo_t *cr, double size, bool is_bold)
{
    cairo_select_font_face(cr, "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                           is_bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(cr, size);
}

double plot_text_width(cairo_t *cr, double size, const char *text)
{
    cairo_text_extents_t e;
    choose_font(cr, size, false);
    cairo_text_extents(cr, text, &e);
    return e.x_advance;
}

double plot_bold_width(cairo_t *cr, double size, const char *text)
{
    cairo_text_extents_t e;
    choose_font(cr, size, true);
    cairo_text_extents(cr, text, &e);
    return e.x_advance;
}

void plot_text_turned(cairo_t *cr, double x, double y, double angle, int align, double size,
                      plot_colour c, const char *text)
{
    cairo_save(cr);
    cairo_translate(cr, x, y);
    cairo_rotate(cr, angle * 0.01745329251994329577);
    plot_text(cr, 0, 0, align, size, false, c, text);
    cairo_restore(cr);
}

void plot_text_on_points(cairo_t *cr, double x, double y, double size, const char *text)
{
    choose_font(cr, size, true);
    cairo_move_to(cr, x - plot_bold_width(cr, size, text) / 2, y);
    cairo_text_path(cr, text);
    cairo_set_source_rgba(cr, 1, 1, 1, 0.85);
    cairo_set_line_width(cr, 2.2);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    cairo_stroke_preserve(cr);
    cairo_set_source_rgb(cr, plot_ink.r, plot_ink.g, plot_ink.b);
    cairo_fill(cr);
}

void plot_text(cairo_t *cr, double x, double y, int align, double size, bool is_bold, plot_colour c,
               const char *text)
{
    cairo_text_extents_t e;
    choose_font(cr, size, is_bold);
    cairo_text_extents(cr, text, &e);
    cairo_set_source_rgb(cr, c.r, c.g, c.b);
    cairo_move_to(cr, x - e.x_advance * align / 2, y);
    cairo_show_text(cr, text);
}
