/*
 * A real browser, headless, led from a test: Chromium's DevTools protocol over a pipe. It is
 * clicked and typed into as a person would, and whatever it complains of is kept.
 */
#ifndef TESTS_BROWSER_H
#define TESTS_BROWSER_H

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BROWSER_WAIT = 60000 }; /* ms for an answer */

typedef struct browser {
    pid_t pid;
    int to, from;
    char *buf;
    size_t n, cap;
    int id;
    char session[128];
    char complaints[4096]; /* errors and warnings of the console, requests to elsewhere */
} browser;

/* The program, or NULL where there is none. */
static const char *browser_program(void)
{
    static const char *const names[] = {"/usr/bin/chromium", "/usr/bin/chromium-browser",
                                        "/usr/bin/google-chrome"};
    const char *own = getenv("CHROMIUM");
    if (own)
        return own;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (access(names[k], X_OK) == 0)
            return names[k];
    return NULL;
}

static void browser_exec(const char *program, const char *folder, int in, int out)
{
    char data[512];
    const int quiet = open("/dev/null", O_RDWR);
    (void)snprintf(data, sizeof data, "--user-data-dir=%s", folder);
    const int a = fcntl(in, F_DUPFD, 10), b = fcntl(out, F_DUPFD, 10);
    dup2(a, 3); /* where Chromium reads and writes */
    dup2(b, 4);
    dup2(quiet, 0);
    dup2(quiet, 1);
    dup2(quiet, 2);
    execl(program, program, "--headless", "--no-sandbox", "--disable-gpu",
          "--disable-dev-shm-usage", "--remote-debugging-pipe", "--no-first-run",
          "--disable-extensions", "--disable-background-networking", "--window-size=1280,900", data,
          "about:blank", (char *)NULL);
    _exit(127);
}

static bool browser_start(browser *b, const char *program, const char *folder)
{
    int to[2], from[2];
    memset(b, 0, sizeof *b);
    if (pipe(to) != 0 || pipe(from) != 0)
        return false;
    b->pid = fork();
    if (b->pid == 0) {
        setpgid(0, 0);
        browser_exec(program, folder, to[0], from[1]);
    }
    close(to[0]);
    close(from[1]);
    b->to = to[1];
    b->from = from[0];
    return b->pid > 0;
}

static void browser_complain(browser *b, const char *what, const char *text)
{
    const size_t n = strlen(b->complaints);
    (void)snprintf(b->complaints + n, sizeof b->complaints - n, "%s: %.300s\n", what,
                   text ? text : "?");
}

static const char *browser_text(const json_t *o, const char *path)
{
    char key[64];
    while (*path && o) {
        const size_t n = strcspn(path, ".");
        (void)snprintf(key, sizeof key, "%.*s", (int)n, path);
        o = json_object_get(o, key);
        path += n + (path[n] == '.');
    }
    return json_string_value(o);
}

static void browser_event(browser *b, const json_t *m)
{
    const char *method = browser_text(m, "method");
    if (!method)
        return;
    const char *type = browser_text(m, "params.type"), *url = browser_text(m, "params.request.url");
    const char *level = browser_text(m, "params.entry.level");
    if (strcmp(method, "Runtime.exceptionThrown") == 0)
        browser_complain(b, "exception",
                         browser_text(m, "params.exceptionDetails.exception.description"));
    if (strcmp(method, "Runtime.consoleAPICalled") == 0 && type &&
        (strcmp(type, "error") == 0 || strcmp(type, "warning") == 0)) {
        char *all = json_dumps(json_object_get(m, "params"), JSON_COMPACT);
        browser_complain(b, "console", all);
        free(all);
    }
    if (strcmp(method, "Log.entryAdded") == 0 && level &&
        (strcmp(level, "error") == 0 || strcmp(level, "warning") == 0))
        browser_complain(b, "log", browser_text(m, "params.entry.text"));
    if (strcmp(method, "Network.requestWillBeSent") == 0 && url && strncmp(url, "file:", 5) != 0 &&
        strncmp(url, "data:", 5) != 0 && strncmp(url, "about:", 6) != 0)
        browser_complain(b, "request", url);
}

/* The next message, or NULL if the browser has gone or is silent for too long. */
static json_t *browser_read(browser *b)
{
    for (;;) {
        char *end = b->n ? memchr(b->buf, '\0', b->n) : NULL;
        if (end) {
            json_t *m = json_loads(b->buf, 0, NULL);
            const size_t used = (size_t)(end - b->buf) + 1;
            memmove(b->buf, b->buf + used, b->n - used);
            b->n -= used;
            return m;
        }
        if (b->cap - b->n < 65536) {
            char *p = realloc(b->buf, b->cap + (1 << 20));
            if (!p)
                return NULL;
            b->buf = p;
            b->cap += 1 << 20;
        }
        struct pollfd in = {b->from, POLLIN, 0};
        if (poll(&in, 1, BROWSER_WAIT) <= 0)
            return NULL;
        const ssize_t n = read(b->from, b->buf + b->n, b->cap - b->n);
        if (n <= 0)
            return NULL;
        b->n += (size_t)n;
    }
}

/* Takes params; the result, the caller's to give back, or NULL. */
static json_t *browser_call(browser *b, const char *method, json_t *params)
{
    json_t *m = json_pack("{s:i,s:s,s:o}", "id", ++b->id, "method", method, "params",
                          params ? params : json_object());
    if (*b->session)
        json_object_set_new(m, "sessionId", json_string(b->session));
    char *text = json_dumps(m, JSON_COMPACT);
    json_decref(m);
    const size_t n = strlen(text) + 1;
    const bool is_sent = write(b->to, text, n) == (ssize_t)n;
    free(text);
    while (is_sent && (m = browser_read(b))) {
        browser_event(b, m);
        if (json_integer_value(json_object_get(m, "id")) == b->id) {
            json_t *result = json_incref(json_object_get(m, "result"));
            if (!result)
                browser_complain(b, method, browser_text(m, "error.message"));
            json_decref(m);
            return result;
        }
        json_decref(m);
    }
    browser_complain(b, method, "no answer");
    return NULL;
}

static void browser_do(browser *b, const char *method, json_t *params)
{
    json_decref(browser_call(b, method, params));
}

static bool browser_open_tab(browser *b)
{
    json_t *target =
        browser_call(b, "Target.createTarget", json_pack("{s:s}", "url", "about:blank"));
    json_t *at = target ? browser_call(b, "Target.attachToTarget",
                                       json_pack("{s:s,s:b}", "targetId",
                                                 browser_text(target, "targetId"), "flatten", 1))
                        : NULL;
    const char *session = at ? browser_text(at, "sessionId") : NULL;
    if (session)
        (void)snprintf(b->session, sizeof b->session, "%s", session);
    json_decref(target);
    json_decref(at);
    static const char *const domains[] = {"Page.enable", "Runtime.enable", "Log.enable",
                                          "Network.enable"};
    for (size_t k = 0; *b->session && k < sizeof domains / sizeof *domains; k++)
        browser_do(b, domains[k], NULL);
    return *b->session != '\0';
}

/* What an expression gives, as text; the caller's. */
static char *browser_eval(browser *b, const char *expression)
{
    char *source = malloc(strlen(expression) + 32);
    if (!source)
        return NULL;
    (void)sprintf(source, "String(%s)", expression);
    json_t *r = browser_call(b, "Runtime.evaluate", json_pack("{s:s}", "expression", source));
    const char *text = r ? browser_text(r, "result.value") : NULL;
    char *copy = strdup(text ? text : "");
    if (r && json_object_get(r, "exceptionDetails"))
        browser_complain(b, "evaluate", browser_text(r, "exceptionDetails.exception.description"));
    json_decref(r);
    free(source);
    return copy;
}

static bool browser_is(browser *b, const char *expression, const char *expected)
{
    char *text = browser_eval(b, expression);
    const bool is_it = text && strcmp(text, expected) == 0;
    free(text);
    return is_it;
}

/* Waits until an expression gives this. */
static bool browser_until(browser *b, const char *expression, const char *expected)
{
    const struct timespec pause = {0, 20000000};
    for (int k = 0; k < BROWSER_WAIT / 20; k++) {
        if (browser_is(b, expression, expected))
            return true;
        nanosleep(&pause, NULL);
    }
    char *is = browser_eval(b, expression);
    (void)fprintf(stderr, "# %s is '%s', not '%s'\n%s", expression, is, expected, b->complaints);
    free(is);
    return false;
}

static void browser_mouse(browser *b, const char *type, double x, double y)
{
    const bool is_move = strcmp(type, "mouseMoved") == 0;
    browser_do(b, "Input.dispatchMouseEvent",
               json_pack("{s:s,s:f,s:f,s:s,s:i}", "type", type, "x", x, "y", y, "button",
                         is_move ? "none" : "left", "clickCount", is_move ? 0 : 1));
}

/* Scrolls to the element and clicks its middle. */
static void browser_click(browser *b, const char *element)
{
    char source[1024];
    double x = 0, y = 0;
    (void)snprintf(source, sizeof source,
                   "((e) => { e.scrollIntoView({ block: 'center' }); const r = "
                   "e.getBoundingClientRect(); return (r.x + r.width / 2) + ' ' + (r.y + r.height "
                   "/ 2); })(%s)",
                   element);
    char *at = browser_eval(b, source);
    if (!at || sscanf(at, "%lf %lf", &x, &y) != 2)
        browser_complain(b, "no element", element);
    free(at);
    browser_mouse(b, "mouseMoved", x, y);
    browser_mouse(b, "mousePressed", x, y);
    browser_mouse(b, "mouseReleased", x, y);
}

static void browser_key(browser *b, const char *key, const char *text, int code)
{
    json_t *down =
        json_pack("{s:s,s:s,s:i}", "type", "keyDown", "key", key, "windowsVirtualKeyCode", code);
    if (text)
        json_object_set_new(down, "text", json_string(text));
    browser_do(b, "Input.dispatchKeyEvent", down);
    browser_do(
        b, "Input.dispatchKeyEvent",
        json_pack("{s:s,s:s,s:i}", "type", "keyUp", "key", key, "windowsVirtualKeyCode", code));
}

static void browser_type(browser *b, const char *text)
{
    for (; *text; text++) {
        const char one[] = {*text, '\0'};
        browser_key(b, one, one, 0);
    }
}

/* A picture of the window as base64, into a file, where $SLUICE_SHOTS names a folder for them. */
static void browser_shot(browser *b, const char *name)
{
    const char *folder = getenv("SLUICE_SHOTS");
    char path[512];
    if (!folder)
        return;
    json_t *r = browser_call(b, "Page.captureScreenshot", NULL);
    (void)snprintf(path, sizeof path, "%s/%s.png.b64", folder, name);
    FILE *f = r ? fopen(path, "w") : NULL;
    if (f) {
        (void)fputs(browser_text(r, "data"), f);
        (void)fclose(f);
    }
    json_decref(r);
}

static void browser_stop(browser *b)
{
    *b->session = '\0';
    if (b->pid > 0) {
        json_decref(browser_call(b, "Browser.close", NULL));
        const struct timespec pause = {0, 50000000};
        for (int k = 0; k < 100 && waitpid(b->pid, NULL, WNOHANG) == 0; k++)
            nanosleep(&pause, NULL);
        kill(-b->pid, SIGKILL); /* its helpers, if any are left */
        (void)waitpid(b->pid, NULL, 0);
        close(b->to);
        close(b->from);
    }
    free(b->buf);
    b->buf = NULL;
    b->pid = 0;
}

#endif
