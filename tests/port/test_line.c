/* test_line.c -- tests src/port/line.c: lines out of a descriptor, and one line taken apart. */
#include "testing.h"

#include "port/port.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int with(int dir, const char *text, size_t size)
{
    int fd = openat(dir, "lines", O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(write(fd, text, size) == (ssize_t)size);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

TEST(lines_come_whole_with_any_bytes_in_them_and_blank_ones_not_at_all)
{
    static const char text[] = "one\n \t\r\n\0\xff\nlast\n\n";
    struct port_error error = {0};
    struct port_lines lines;
    int fd = with(scratch_dir(), text, sizeof(text) - 1);
    char *line;
    size_t size;

    aer__port_lines_init(&lines, fd);
    CHECK_OK(aer__port_lines_next(&lines, &line, &size, &error));
    CHECK_MEM("one", 3, line, size);
    CHECK_OK(aer__port_lines_next(&lines, &line, &size, &error));
    CHECK_MEM("\0\xff", 2, line, size);
    CHECK_INT(3, lines.number);
    CHECK_OK(aer__port_lines_next(&lines, &line, &size, &error));
    CHECK_MEM("last", 4, line, size);
    CHECK_RC(AER_DONE, aer__port_lines_next(&lines, &line, &size, &error));
    CHECK_RC(AER_DONE, aer__port_lines_next(&lines, &line, &size, &error));
    aer__port_lines_release(&lines);
    close(fd);
}

TEST(lines_longer_than_the_buffer_come_whole_too)
{
    enum { LONG = 300000 };
    char *text = malloc(3 * LONG);
    struct port_error error = {0};
    struct port_lines lines;
    char *line;
    size_t size, used = 0;
    int fd;

    for (size_t length = LONG - 2; length <= LONG; length++) { /* on both sides of whatever the buffer's size is */
        memset(text + used, 'x', length - 1);
        used += length;
        text[used - 1] = '\n';
    }
    fd = with(scratch_dir(), text, used);
    aer__port_lines_init(&lines, fd);
    for (size_t length = LONG - 2; length <= LONG; length++) {
        CHECK_OK(aer__port_lines_next(&lines, &line, &size, &error));
        CHECK_INT(length - 1, size);
        CHECK(memchr(line, '\n', size) == NULL);
    }
    CHECK_RC(AER_DONE, aer__port_lines_next(&lines, &line, &size, &error));
    CHECK_INT(used, lines.read);
    aer__port_lines_release(&lines);
    close(fd);
    free(text);
}

TEST(a_refused_line_leaves_nothing_to_release)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{}",
                                      "{\"key\":\"k\"}",
                                      "{\"key\":\"k\",\"value\":1}",
                                      "{\"key64\":\"aw==\",\"value64\":\"?\"}",
                                      "{\"key\":\"k\",\"value\":\"v\",\"op\":\"put\"}",
                                      "{\"key\":\"k\",\"value\":\"v\",\"expires\":-1}",
                                      "{\"key\":\"k\",\"value\":\"v\",\"expires\":1.5}",
                                      "{\"key64\":\"aw==\",\"value64\":\"aw==\",\"meta\":{\"a\":\"\\u0000\"}}"};
    struct port_line line;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct port_error error = {0};

        CHECK_RC(AER_INVALID, aer__port_line_parse(bad[i], strlen(bad[i]), PORT_LINE_ROW, &line, &error));
        CHECK(error.code == AER_INVALID && error.message[0]);
        CHECK(line.object == NULL && line.owned[0] == NULL && line.owned[1] == NULL && line.owned[2] == NULL);
    }
}
