/*
 * The page of sc-report in a real browser: what it shows is held to what the other tools say of the
 * same model and cells. Skipped where there is no Chromium, or it does not start.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "browser.h"

typedef struct state {
    browser b;
    char folder[64];
    bool is_there;
} state;

/* First line that a command prints, in the test's folder. */
static void ask(const state *s, const char *command, char *out, size_t out_len)
{
    char full[2048];
    (void)snprintf(full, sizeof full, "cd %s && %s", s->folder, command);
    FILE *f = popen(full, "r");
    assert_non_null(f);
    out[0] = '\0';
    if (fgets(out, (int)out_len, f))
        out[strcspn(out, "\n")] = '\0';
    while (fgetc(f) != EOF)
        continue;
    assert_int_equal(pclose(f), 0);
}

static void put_on_path(void)
{
    const char *build = getenv("SLUICE_BUILD"), *old = getenv("PATH");
    char *real = realpath(build ? build : "build", NULL), path[4096], plugins[4096];
    assert_non_null(real);
    (void)snprintf(path, sizeof path, "%s/bin:%s", real, old ? old : "/usr/bin:/bin");
    (void)snprintf(plugins, sizeof plugins, "%s/plugins:%s/formats", real, real);
    setenv("PATH", path, 1);
    setenv("SLUICE_PLUGIN_PATH", plugins, 1);
    free(real);
}

static void make_page(const state *s)
{
    char line[64];
    ask(s,
        "sc-sim --n-obs 600 --n-vars 150 | sc-norm -q --target-sum 1e4 --log1p -o n.scz && "
        "sc-fit -q -m ldvae --n-latent 5 --max-epochs 6 --check-val-every 2 -o m.scm n.scz && "
        "sc-embed -q m.scm n.scz | sc-neighbors --use-rep X_ldvae -k 10 | sc-umap -o c.scz && "
        "sc-report --title 'A <b>page</b>' -o r.html m.scm c.scz && "
        "sc-fit -q -m scvi --n-latent 2 --max-epochs 1 -o s.scm n.scz && "
        "sc-model export -q pt s.scm n.scz && "
        "sc-embed -q pt/model.pt n.scz | sc-annotate --drop cell_type --drop batch --drop "
        "library_size | sc-report --max-genes 0 -o bare.html pt/model.pt",
        line, sizeof line);
}

static int start(void **ctx)
{
    static state s;
    const char *program = browser_program();
    *ctx = &s;
    if (!program)
        return 0;
    strcpy(s.folder, "/tmp/sluice-report-XXXXXX");
    if (!mkdtemp(s.folder))
        return -1;
    put_on_path();
    make_page(&s);
    s.is_there = browser_start(&s.b, program, s.folder) && browser_open_tab(&s.b);
    return 0;
}

static int stop(void **ctx)
{
    state *s = *ctx;
    char command[256];
    if (!*s->folder)
        return 0;
    browser_stop(&s->b);
    (void)snprintf(command, sizeof command, "rm -rf %s", s->folder);
    return system(command);
}

/* A fresh page, in a scheme; every test ends with `silent`. */
static browser *visit_page(void **ctx, const char *page, const char *scheme)
{
    state *s = *ctx;
    char url[128];
    if (!s->is_there) {
        print_message("# there is no Chromium that starts\n");
        skip();
    }
    browser *b = &s->b;
    browser_do(
        b, "Emulation.setEmulatedMedia",
        json_pack("{s:[{s:s,s:s}]}", "features", "name", "prefers-color-scheme", "value", scheme));
    (void)snprintf(url, sizeof url, "file://%s/%s", s->folder, page);
    browser_do(b, "Page.navigate", json_pack("{s:s}", "url", url));
    assert_true(browser_until(b, "document.documentElement?.dataset.ready", "yes"));
    return b;
}

static browser *visit(void **ctx, const char *scheme)
{
    return visit_page(ctx, "r.html", scheme);
}

static void silent(browser *b)
{
    if (*b->complaints)
        print_error("%s", b->complaints);
    assert_string_equal(b->complaints, "");
}

static void loads_without_a_complaint(void **ctx)
{
    browser *b = visit(ctx, "light");
    assert_true(browser_is(b, "document.querySelector('h1').textContent", "A <b>page</b>"));
    assert_true(browser_is(b, "document.title", "A <b>page</b>"));
    assert_true(browser_is(b, "document.querySelectorAll('#pairs canvas').length", "3"));
    assert_true(browser_is(b, "document.querySelector('#chart path.train') !== null", "true"));
    browser_shot(b, "light");
    silent(b);
}

static void a_gene_is_searched_for_by_typing(void **ctx)
{
    browser *b = visit(ctx, "light");
    char shown[128], command[512], n[64];
    char *before = browser_eval(b, "$('cells').toDataURL()");
    browser_click(b, "$('gene')");
    browser_type(b, "GENE_07");
    assert_true(browser_is(b, "$('gene-list').hidden", "false"));
    assert_true(browser_is(b, "$('gene-list').children.length", "10"));
    browser_key(b, "ArrowDown", NULL, 40);
    assert_true(browser_is(
        b, "document.querySelector('#gene-list [aria-selected=true]').textContent", "gene_071"));
    browser_shot(b, "search");
    browser_key(b, "Enter", "\r", 13);
    assert_true(browser_until(b, "document.querySelector('#legend h3').textContent", "gene_071"));
    assert_true(browser_is(b, "$('gene-list').hidden", "true"));
    (void)snprintf(command, sizeof command,
                   "sc-view -t X c.scz | awk -F '\\t' 'NR == 1 { for (c = 1; c <= NF; c++) if ($c "
                   "== \"gene_071\") k = c } NR > 1 && $k != 0 { n++ } END { print n + 0 }'");
    ask(*ctx, command, n, sizeof n);
    (void)snprintf(shown, sizeof shown, "%s of 600 cells express it", n);
    assert_true(browser_is(b, "document.querySelectorAll('#legend .note')[1].textContent", shown));
    char *after = browser_eval(b, "$('cells').toDataURL()");
    assert_string_not_equal(before, after);
    free(before);
    free(after);
    browser_shot(b, "gene");
    silent(b);
}

/* Expression on the page against sc-view's, within half of one of the 15 steps. */
static void expression_is_that_of_the_stream(void **ctx)
{
    browser *b = visit(ctx, "light");
    char line[256];
    browser_click(b, "$('gene')");
    browser_type(b, "gene_100");
    browser_key(b, "Enter", "\r", 13);
    assert_true(browser_until(b, "document.querySelector('#legend h3').textContent", "gene_100"));
    ask(*ctx,
        "sc-view -t X c.scz | awk -F '\\t' 'NR == 1 { for (c = 1; c <= NF; c++) if ($c == "
        "\"gene_100\") k = c } NR > 1 { if ($k > most) { most = $k; at = NR - 2 } if (NR == 302) "
        "some = $k } END { print at, most, some }'",
        line, sizeof line);
    int at = -1;
    double most = 0, some = 0;
    assert_int_equal(sscanf(line, "%d %lf %lf", &at, &most, &some), 3);
    (void)snprintf(line, sizeof line, "page.tint.say(%d)", at);
    char *said = browser_eval(b, line), *other = browser_eval(b, "page.tint.say(300)");
    assert_true(most > 0 && atof(said) > most * 0.994 && atof(said) < most * 1.006);
    assert_true(atof(other) > some - most / 29 && atof(other) < some + most / 29);
    free(said);
    free(other);
    silent(b);
}

static void a_cell_under_the_pointer_tells_what_it_is(void **ctx)
{
    browser *b = visit(ctx, "light");
    char name[128], command[512], line[128], type[64], *text;
    double x, y;
    browser_do(b, "Runtime.evaluate",
               json_pack("{s:s}", "expression", "$('cells').scrollIntoView({ block: 'center' })"));
    text = browser_eval(b, "((r, m) => (r.x + 1 + m.at[2 * 123]) + ' ' + (r.y + 1 + m.at[2 * 123 + "
                           "1]))($('cells').getBoundingClientRect(), page.maps[0])");
    assert_int_equal(sscanf(text, "%lf %lf", &x, &y), 2);
    free(text);
    assert_true(browser_is(b, "$('tip').hidden", "true"));
    browser_mouse(b, "mouseMoved", x, y);
    assert_true(browser_until(b, "$('tip').hidden", "false"));
    text = browser_eval(b, "$('tip').querySelector('b').textContent");
    (void)snprintf(name, sizeof name, "%s", text);
    free(text);
    browser_shot(b, "hover");
    (void)snprintf(command, sizeof command,
                   "sc-view -t obs c.scz | awk -F '\\t' 'NR == 1 { for (c = 1; c <= NF; c++) if "
                   "($c == \"cell_type\") k = c } $1 == \"%s\" { print $k }'",
                   name);
    ask(*ctx, command, type, sizeof type);
    assert_true(*type);
    (void)snprintf(line, sizeof line, "$('tip').textContent.includes('cell_type %s')", type);
    assert_true(browser_is(b, line, "true"));
    browser_mouse(b, "mouseMoved", 5, 5);
    assert_true(browser_until(b, "$('tip').hidden", "true"));
    silent(b);
}

#define FIRST                                                                                      \
    "[...document.querySelectorAll('tbody th')].slice(0, 3).map((e) => e.textContent).join()"

static void loadings_sort_by_a_click(void **ctx)
{
    browser *b = visit(ctx, "light");
    static const char *const ways[] = {"top", "bottom"}, *const says[] = {"descending",
                                                                          "ascending"};
    for (int k = 0; k < 2; k++) {
        char command[256], genes[256];
        browser_click(b, "document.querySelectorAll('thead button')[3]");
        (void)snprintf(command, sizeof command,
                       "sc-loadings --top 3 m.scm | awk '$1 == \"Z_2\" && $2 == \"%s\" { printf "
                       "\"%%s%%s\", n++ ? \",\" : \"\", $4 }'",
                       ways[k]);
        ask(*ctx, command, genes, sizeof genes);
        assert_true(browser_is(b, FIRST, genes));
        assert_true(browser_is(
            b, "document.querySelectorAll('thead th')[3].getAttribute('aria-sort')", says[k]));
    }
    browser_shot(b, "sorted");
    browser_click(b, "$('filter')");
    browser_type(b, "_14");
    assert_true(browser_is(b, "document.querySelectorAll('tbody tr').length", "10"));
    char *gene = browser_eval(b, "document.querySelector('tbody th').textContent");
    browser_click(b, "document.querySelector('tbody th button')");
    assert_true(browser_until(b, "document.querySelector('#legend h3').textContent", gene));
    free(gene);
    silent(b);
}

static void the_keyboard_is_enough(void **ctx)
{
    browser *b = visit(ctx, "light");
    char first[128], expected[256];
    browser_key(b, "Tab", NULL, 9);
    assert_true(browser_is(b, "document.activeElement.className", "skip"));
    for (int k = 0; k < 40 && !browser_is(b, "document.activeElement.id", "cells"); k++)
        browser_key(b, "Tab", NULL, 9);
    assert_true(browser_is(b, "document.activeElement.id", "cells"));
    ask(*ctx, "sc-view -t obs -n 1 c.scz | tail -n 1 | cut -f 1", first, sizeof first);
    browser_key(b, "n", "n", 78);
    (void)snprintf(expected, sizeof expected, "$('status').textContent.startsWith('%s: ')", first);
    assert_true(browser_is(b, expected, "true"));
    browser_key(b, "+", "+", 187);
    assert_true(browser_is(b, "page.maps[0].zoom", "1.5"));
    browser_key(b, "0", "0", 48);
    assert_true(browser_is(b, "page.maps[0].zoom", "1"));
    silent(b);
}

static void the_legend_hides_a_category(void **ctx)
{
    browser *b = visit(ctx, "light");
    char *before = browser_eval(b, "$('cells').toDataURL()");
    browser_click(b, "document.querySelector('#legend li button')");
    assert_true(browser_is(
        b, "document.querySelector('#legend li button').getAttribute('aria-pressed')", "false"));
    char *after = browser_eval(b, "$('cells').toDataURL()");
    assert_string_not_equal(before, after);
    free(before);
    free(after);
    silent(b);
}

/* Of scvi-tools' file: no history, no loadings; cells without a column, expression or a UMAP. */
static void a_page_of_little_is_whole(void **ctx)
{
    browser *b = visit_page(ctx, "bare.html", "light");
    assert_true(browser_is(b, "$('chart-note').textContent", "The model has no training history."));
    assert_true(browser_is(b, "$('loadings-note').textContent.includes('not linear')", "true"));
    assert_true(browser_is(b, "$('gene').disabled", "true"));
    assert_true(browser_is(b, "document.querySelectorAll('#pairs canvas').length", "1"));
    silent(b);
}

static void dark_is_dark_and_the_button_decides(void **ctx)
{
    static const char background[] = "getComputedStyle(document.body).backgroundColor";
    browser *b = visit(ctx, "dark");
    assert_true(browser_is(b, background, "rgb(21, 22, 26)"));
    browser_shot(b, "dark");
    browser_click(b, "$('theme')");
    assert_true(browser_is(b, background, "rgb(251, 251, 252)"));
    browser_click(b, "$('theme')");
    assert_true(browser_is(b, background, "rgb(21, 22, 26)"));
    browser_click(b, "$('gene')");
    browser_type(b, "gene_071");
    browser_key(b, "Enter", "\r", 13);
    assert_true(browser_until(b, "document.querySelector('#legend h3').textContent", "gene_071"));
    browser_shot(b, "dark-gene");
    browser_click(b, "$('theme')"); /* auto again, for whoever comes next */
    silent(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_without_a_complaint),
        cmocka_unit_test(a_gene_is_searched_for_by_typing),
        cmocka_unit_test(expression_is_that_of_the_stream),
        cmocka_unit_test(a_cell_under_the_pointer_tells_what_it_is),
        cmocka_unit_test(loadings_sort_by_a_click),
        cmocka_unit_test(the_keyboard_is_enough),
        cmocka_unit_test(the_legend_hides_a_category),
        cmocka_unit_test(a_page_of_little_is_whole),
        cmocka_unit_test(dark_is_dark_and_the_button_decides),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, start, stop);
}
