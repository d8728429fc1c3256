/* test_err.c -- tests src/base/err.c. */
#include "testing.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

TEST(the_first_cause_wins)
{
    struct err err = {0};

    CHECK_RC(AER_IO, aer__err_set(&err, AER_IO, "disk %d", 1));
    CHECK_RC(AER_IO, aer__err_set(&err, AER_NOMEM, "later"));
    CHECK_INT(AER_IO, err.code);
    CHECK_STR("disk 1", err.message);
}

TEST(without_an_err_only_the_code_comes_back)
{
    CHECK_RC(AER_FULL, aer__err_set(NULL, AER_FULL, "x"));
    errno = EACCES;
    CHECK_RC(AER_PERM, aer__err_os(NULL, "open", "x"));
    aer__err_prefix(NULL, "x");
    aer__err_clear(NULL);
}

TEST(a_sentence_that_is_too_long_is_cut)
{
    char longer[2 * ERR_MESSAGE_SIZE];
    struct err err = {0};

    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    aer__err_set(&err, AER_IO, "%s", longer);
    CHECK_INT(ERR_MESSAGE_SIZE - 1, strlen(err.message));
    aer__err_prefix(&err, "bucket %d", 7);
    CHECK_INT(ERR_MESSAGE_SIZE - 1, strlen(err.message));
    CHECK(strncmp(err.message, "bucket 7: aaaa", 14) == 0);
    aer__err_prefix(&err, "%s", longer);
    CHECK_INT(ERR_MESSAGE_SIZE - 1, strlen(err.message));
    CHECK_INT(AER_IO, err.code);
}

TEST(a_prefix_stands_before_the_sentence)
{
    struct err err = {0};

    aer__err_prefix(&err, "nothing failed");
    CHECK_STR("", err.message);
    aer__err_set(&err, AER_CORRUPT, "page 3");
    aer__err_prefix(&err, "%s", "b.sq3");
    aer__err_prefix(&err, "seal");
    CHECK_STR("seal: b.sq3: page 3", err.message);
    aer__err_clear(&err);
    CHECK_INT(AER_OK, err.code);
    CHECK_STR("", err.message);
}

TEST(a_prefix_may_just_fill_the_message)
{
    int room;

    for (room = 0; room < 6; room++) {
        char fill[ERR_MESSAGE_SIZE];
        struct err err = {0};

        snprintf(fill, sizeof fill, "%0*d", ERR_MESSAGE_SIZE - 1 - room, 0);
        aer__err_set(&err, AER_IO, "xyz");
        aer__err_prefix(&err, "%s", fill);
        CHECK(strlen(err.message) < ERR_MESSAGE_SIZE);
        CHECK(strncmp(err.message, fill, strlen(fill)) == 0);
    }
}

TEST(what_the_system_refused_has_its_own_code)
{
    static const struct {
        int error, code;
    } cases[] = {{ENOSPC, AER_FULL},    {EDQUOT, AER_FULL},  {EACCES, AER_PERM}, {EPERM, AER_PERM},
                 {EROFS, AER_READONLY}, {ENOMEM, AER_NOMEM}, {EIO, AER_IO},      {EMFILE, AER_IO}};
    size_t i;

    for (i = 0; i < AER_COUNT(cases); i++) {
        struct err err = {0};

        errno = cases[i].error;
        CHECK_RC(cases[i].code, aer__err_os(&err, "write", "a/b"));
        CHECK(strstr(err.message, "cannot write 'a/b': ") != NULL);
        CHECK(strstr(err.message, strerror(cases[i].error)) != NULL);
    }
}
