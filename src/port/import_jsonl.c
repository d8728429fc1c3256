/* import_jsonl.c -- JSON lines into keys.
 *
 * For: port.c. Must not know: how a line is taken apart (line.c).
 *
 * A file is read twice: once to see that every line is right, once to store them. A pipe is one transaction, so that a
 * bad last line undoes the first. With skip_bad bad lines go to a file of their own, to be mended and imported later.
 */
#include "port/port_internal.h"

#include <stdio.h>
#include <string.h>

static int put_line(struct sink *sink, const struct port_line *line, struct port_error *error)
{
    struct sink_item item = {.name = line->key, .value = line->value, .attrs = line->attrs};
    bool same;
    int rc = aer__port_sink_same_value(sink, &item, &same, error);

    return rc == AER_OK && !same ? aer__port_sink_put(sink, &item, error) : rc;
}

/* A line that is not right: to the file of bad ones, told, counted. */
static int set_aside(struct sink *sink, struct port_file *bad, uint64_t number, const char *text, size_t size,
                     struct port_error *error)
{
    struct port_error cause = *error;
    char what[32];
    int rc;

    memset(error, 0, sizeof(*error));
    if (bad->fd < 0 && aer__port_file_open(bad, sink->job->skip_bad, error)) return error->code;
    rc = aer__port_file_write(bad, text, size, error);
    if (rc == AER_OK) rc = aer__port_file_write(bad, "\n", 1, error);
    snprintf(what, sizeof(what), "line %llu", (unsigned long long)number);
    if (rc == AER_OK) aer__port_skip(&sink->job->events, sink->counts, (aer_slice){what, strlen(what)}, cause.message);
    return rc;
}

static int take_line(struct sink *sink, const char *text, size_t size, struct port_line *line, struct port_error *error)
{
    int rc = aer__port_line_parse(text, size, PORT_LINE_ROW, line, error);

    if (rc != AER_OK || line->key.size + sink->job->prefix.size <= AER_KEY_MAX) return rc;
    aer__port_line_release(line);
    return aer__port_fail(error, AER_INVALID, "the key is too long with the prefix");
}

enum pass { CHECK, STORE_CHECKED, STORE };

/* For progress: of two passes each is half of the work. */
static uint64_t done(enum pass pass, uint64_t size, uint64_t read)
{
    return pass == STORE ? read : (pass == STORE_CHECKED ? size / 2 : 0) + read / 2;
}

/* One pass over all lines. CHECK: every line is one we can store, and nothing is written. */
static int each_line(struct sink *sink, const struct port_input *input, enum pass pass, struct port_error *error)
{
    struct port_file bad = {.fd = -1};
    struct port_lines lines;
    struct port_line line;
    char *text;
    size_t size;
    int rc;

    aer__port_lines_init(&lines, input->fd);
    while ((rc = aer__port_lines_next(&lines, &text, &size, error)) == AER_OK) {
        rc = take_line(sink, text, size, &line, error);
        if (rc == AER_INVALID && sink->job->skip_bad) {
            rc = set_aside(sink, &bad, lines.number, text, size, error);
        } else if (rc == AER_OK) {
            if (pass != CHECK) rc = put_line(sink, &line, error);
            aer__port_line_release(&line);
        }
        if (rc == AER_OK)
            rc = aer__port_progress(&sink->job->events, sink->counts, done(pass, input->size, lines.read), input->size, error);
        if (rc != AER_OK) break;
    }
    if (rc != AER_DONE && rc != AER_STOPPED)
        aer__port_prefix(error, "line %llu%s", (unsigned long long)lines.number,
                         pass == CHECK || sink->whole ? ", nothing was changed" : "");
    aer__port_lines_release(&lines);
    if (rc == AER_DONE) rc = bad.fd >= 0 ? aer__port_file_commit(&bad, error) : AER_OK;
    aer__port_file_abandon(&bad);
    return rc;
}

int aer__port_import_jsonl(struct sink *sink, struct port_error *error)
{
    struct port_input input;
    bool twice;
    int rc = aer__port_input_open(&input, sink->job->source, error);

    twice = input.is_file && !sink->job->skip_bad;
    sink->whole = !input.is_file && !sink->job->skip_bad && !sink->job->batch;
    if (rc == AER_OK && twice) rc = each_line(sink, &input, CHECK, error);
    if (rc == AER_OK && twice) rc = aer__port_input_rewind(&input, error);
    if (rc == AER_OK) rc = each_line(sink, &input, twice ? STORE_CHECKED : STORE, error);
    aer__port_input_close(&input);
    return rc;
}
