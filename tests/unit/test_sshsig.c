/* SPDX-License-Identifier: BSD-2-Clause */
/* What ssh-keygen of OpenSSH 9.2 signed: the message "hello" with its line end, in the name space flowtap-warrant. */
#include "unit.h"

#include <errno.h>
#include <string.h>

#include "sshsig.h"

static const char ed25519[] = "-----BEGIN SSH SIGNATURE-----\n"
			      "U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgaqAVneSzxz7shcAlucvuRledSZ\n"
			      "mw/8yIRbWvgzJlKBoAAAAPZmxvd3RhcC13YXJyYW50AAAAAAAAAAZzaGE1MTIAAABTAAAA\n"
			      "C3NzaC1lZDI1NTE5AAAAQCLGjFsQIJ2cSxMIyDOpSBo0jj+FJJNgYoNoGIf3gWUVocA3JX\n"
			      "DFNCwCFuu2h4pO+KmDe2Wnba37UcHzu2Mf9gY=\n"
			      "-----END SSH SIGNATURE-----\n";
static const char rsa_sha512[] = "-----BEGIN SSH SIGNATURE-----\n"
				 "U1NIU0lHAAAAAQAAAZcAAAAHc3NoLXJzYQAAAAMBAAEAAAGBALRRQbtf0IniGcU0u2x+w7\n"
				 "zhkXGpI6Ky8+gnKWdR0Odt1UXUGR9pAphkyuclJU8zuMfQ50CTJH2qQOKhzvijmCh8t6F0\n"
				 "2/tNRxImphPTYz+AYU8XbzCJ/jLUK2+WEdNSovCsDkcutfl0sO68VLBS5rEa/lAx3GPjQi\n"
				 "v1G8E7nInEGWAI8pQunsFIBnKYqcAfDVHxTaMkXRVKT9ONPI3vyF6q4tRlXCCKUR704Zrc\n"
				 "0WUqGn8ZIRz/tE1g73fFbFRvk68cI9XjJOnCxLY5cDv3tSgi5Ujgh8smsaYK+92KcU3QFe\n"
				 "LGxiZANHM3Wapkkkdr9oX/U/B3XORQzrsnyxA1cu7AvYjUQd6w4rpqMrFKMS0fDS0mc2G+\n"
				 "Z6n9jYehSiujRuZi8MyVXlz7zOvvgPapLItuvFnY4xI76ZCGhhEQo4ll+i0QoTxU9YV2AN\n"
				 "OT2X6bd7Lp0vQ40RpF0vGkD7HHLfaehdRKo8V5TJJxo19lcEhFp5i+NakTXdrimnBinL7Q\n"
				 "AQAAAA9mbG93dGFwLXdhcnJhbnQAAAAAAAAABnNoYTUxMgAAAZQAAAAMcnNhLXNoYTItNT\n"
				 "EyAAABgJAtMXnNki0iChZId5iffNRmnoi0xzsShFcdooxXK8YejCX/DSH7eoViZRq/plqL\n"
				 "ckLWXPesRzlisCo3ZBAkLIA9TIEDDhrsmIjng+FtyYegGFCEmUEh92CrcX+MHuM2vZXE2C\n"
				 "Rvdb4iWm3Su1jMWaEMZlv3R4dg35ZS0F7HLX6FGwCYy3b6wRMDXteTTgay3MKd+EvEtFjQ\n"
				 "3iv+W/iqLkzi1pnrljLfyw2VQV+oo2rOyBJO9oT7D7IhhN9kCQKdDokJulm+K5hhhJ6D4J\n"
				 "uQnikvWNflce6zAiNQ+56J7L3aGQ4/PS15eJcGHSm3OYxTQRetEbJ9UmLPlKfcfmbsNKgh\n"
				 "Jf/7fjghSevc4qxY/BGDl9Kt/cIdaAvsPfOLNuef39gFzzwr9kyW+hZGii22NA22/33tmc\n"
				 "Rj8HwXyxButFWyhxhXURdzAEKY4Qz76XOhs3C1rdbs/Xbsl5iHS+NOOW3uRsoDNlUnuOTo\n"
				 "iP0aE4vD9/TrahMHFDtJe1+cRBF6Cw==\n"
				 "-----END SSH SIGNATURE-----\n";
static const char rsa_sha256[] = "-----BEGIN SSH SIGNATURE-----\n"
				 "U1NIU0lHAAAAAQAAAZcAAAAHc3NoLXJzYQAAAAMBAAEAAAGBALRRQbtf0IniGcU0u2x+w7\n"
				 "zhkXGpI6Ky8+gnKWdR0Odt1UXUGR9pAphkyuclJU8zuMfQ50CTJH2qQOKhzvijmCh8t6F0\n"
				 "2/tNRxImphPTYz+AYU8XbzCJ/jLUK2+WEdNSovCsDkcutfl0sO68VLBS5rEa/lAx3GPjQi\n"
				 "v1G8E7nInEGWAI8pQunsFIBnKYqcAfDVHxTaMkXRVKT9ONPI3vyF6q4tRlXCCKUR704Zrc\n"
				 "0WUqGn8ZIRz/tE1g73fFbFRvk68cI9XjJOnCxLY5cDv3tSgi5Ujgh8smsaYK+92KcU3QFe\n"
				 "LGxiZANHM3Wapkkkdr9oX/U/B3XORQzrsnyxA1cu7AvYjUQd6w4rpqMrFKMS0fDS0mc2G+\n"
				 "Z6n9jYehSiujRuZi8MyVXlz7zOvvgPapLItuvFnY4xI76ZCGhhEQo4ll+i0QoTxU9YV2AN\n"
				 "OT2X6bd7Lp0vQ40RpF0vGkD7HHLfaehdRKo8V5TJJxo19lcEhFp5i+NakTXdrimnBinL7Q\n"
				 "AQAAAA9mbG93dGFwLXdhcnJhbnQAAAAAAAAABnNoYTI1NgAAAZQAAAAMcnNhLXNoYTItNT\n"
				 "EyAAABgD1pRnzV+YhLG5c9fo3wMsQTe9n4iOFO7KyILQFizrZJb98kKkv8vBNZg8UqarNH\n"
				 "a95dFCtvK4npP9nNjzw4hej3thlEfzjkQbOIxkJUo9KdGv7GK4334VSgJwWNEpipxXTh7F\n"
				 "SJ9MznHN+ARsnLvfSK16KWfG+zfDJ52EpddfgkLc5iwLdlB3uKMlZfSO0NlRma8z8NAwAD\n"
				 "EYO6VbsxgFvJ4FawrUHC7ihq4gkC1hzgSMSP0/QDNRJgZyI0uOKmJj42gAIaqCEKPnaH5n\n"
				 "iLPYUhcR9KIe/AxeNlnPwzmsQAlvhGDaVPPkYCACYoacaEHrM5nkT6q3GSiZw/i3ErQEDp\n"
				 "mzm9COcSoxidk9Z1+KhxM1HTu4pqNRnUVnQsPBe6sPJkiTgSsDiSSt2thj0+NiPRTfzVqj\n"
				 "Wh5k+XDaC5BvhOaZRwCktJb0oS8TdqToYYUku6Z0iUUWb719g9AngnRhV9ygZfrAbe1HPq\n"
				 "QyQZczJcjY0aNfFv6/OIIjichzZejA==\n"
				 "-----END SSH SIGNATURE-----\n";
static const char ed25519_line[] =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGqgFZ3ks8c+7IXAJbnL7kZXnUmZsP/MiEW1r4MyZSga me";
static const char ed25519_print[] = "SHA256:DQMlnUsB+zPys5Yc469xZ+1EV/fN9GU02nTDVvCg16I";
static const char rsa_line[] =
    "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC0UUG7X9CJ4hnFNLtsfsO84ZFxqSOisvPoJylnUdDnbdVF1BkfaQKYZMrnJSVP"
    "M7jH0OdAkyR9qkDioc74o5gofLehdNv7TUcSJqYT02M/gGFPF28wif4y1CtvlhHTUqLwrA5HLrX5dLDuvFSwUuaxGv5QMdxj40Ir"
    "9RvBO5yJxBlgCPKULp7BSAZymKnAHw1R8U2jJF0VSk/TjTyN78hequLUZVwgilEe9OGa3NFlKhp/GSEc/7RNYO93xWxUb5OvHCPV"
    "4yTpwsS2OXA797UoIuVI4IfLJrGmCvvdinFN0BXixsYmQDRzN1mqZJJHa/aF/1Pwd1zkUM67J8sQNXLuwL2I1EHesOK6ajKxSjEt"
    "Hw0tJnNhvmep/Y2HoUoro0bmYvDMlV5c+8zr74D2qSyLbrxZ2OMSO+mQhoYREKOJZfotEKE8VPWFdgDTk9l+m3ey6dL0ONEaRdLx"
    "pA+xxy32noXUSqPFeUyScaNfZXBIRaeYvjWpE13a4ppwYpy+0AE= me";

static struct slice
word(const char *s)
{
	return (struct slice){s, strlen(s)};
}

/* raw: owned by the caller */
static struct sshsig
parsed(const char *text, struct buf *raw)
{
	struct slice rest = word(text), armour = sshsig_cut(&rest);
	struct sshsig s;

	assert_int_equal(rest.len, 1); /* the line's end */
	assert_int_equal(sshsig_open(armour, raw), 0);
	assert_int_equal(sshsig_parse((struct slice){(const char *)raw->p, raw->len}, &s), 0);
	return s;
}

static void
test_signed(void **state)
{
	static const struct {
		const char *text, *line;
	} rows[] = {{ed25519, ed25519_line}, {rsa_sha512, rsa_line}, {rsa_sha256, rsa_line}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cleanup_buf struct buf raw = {0}, key = {0};
		const struct sshsig s = parsed(rows[i].text, &raw);

		assert_int_equal(sshsig_verify(&s, "flowtap-warrant", word("hello\n")), 0);
		assert_int_equal(sshsig_verify(&s, "flowtap-warrant", word("hello")), -EBADMSG);
		assert_int_equal(sshsig_verify(&s, "flowtap-warrant", word("")), -EBADMSG);
		assert_int_equal(sshsig_verify(&s, "flowtap-revoke", word("hello\n")), -EBADMSG);
		assert_int_equal(sshsig_verify(&s, "", word("hello\n")), -EBADMSG);
		assert_int_equal(sshsig_key(word(rows[i].line), &key), 0);
		assert_int_equal(key.len, s.key.len);
		assert_memory_equal(key.p, s.key.p, key.len);
	}
}

/* Each byte changed in turn: it does not prove, or is no signature. */
static void
test_every_byte_counts(void **state)
{
	static const char *const text[] = {ed25519, rsa_sha512};

	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(text); t++) {
		cleanup_buf struct buf raw = {0};

		(void)parsed(text[t], &raw);
		for (size_t i = 0; i < raw.len; i++) {
			struct sshsig s;

			raw.p[i] ^= 1;
			if (sshsig_parse((struct slice){(const char *)raw.p, raw.len}, &s) == 0)
				assert_int_equal(sshsig_verify(&s, "flowtap-warrant", word("hello\n")), -EBADMSG);
			raw.p[i] ^= 1;
		}
	}
}

/* Cut short anywhere, or with something behind it. */
static void
test_short_and_long(void **state)
{
	cleanup_buf struct buf raw = {0};
	struct sshsig s = parsed(ed25519, &raw);

	(void)state;
	for (size_t n = 0; n < raw.len; n++)
		assert_int_equal(sshsig_parse((struct slice){(const char *)raw.p, n}, &s), -EINVAL);
	buf_put_u8(&raw, 0);
	assert_int_equal(sshsig_parse((struct slice){(const char *)raw.p, raw.len}, &s), -EINVAL);
}

static void
test_text(void **state)
{
	static const char *const none[] = {
	    "", "hello", SSHSIG_BEGIN, SSHSIG_END, SSHSIG_END "\n" SSHSIG_BEGIN, SSHSIG_BEGIN "\nAAAA\n"};
	static const char *const bad[] = {"", SSHSIG_BEGIN, SSHSIG_END, SSHSIG_BEGIN SSHSIG_END,
	    SSHSIG_BEGIN "\n" SSHSIG_END, SSHSIG_BEGIN "\n!!!!\n" SSHSIG_END, SSHSIG_BEGIN "\nAAA\n" SSHSIG_END,
	    SSHSIG_BEGIN "\nAAAA\n-more\n" SSHSIG_END, " " SSHSIG_BEGIN "\nAAAA\n" SSHSIG_END};
	static const char *const bad_line[] = {"", "ssh-ed25519", "ssh-ed25519 ", "ssh-ed25519 !", "ssh-ed25519 AAA"};
	cleanup_buf struct buf raw = {0};
	char print[SSHSIG_PRINT_LEN];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		struct slice rest = word(none[i]);

		assert_int_equal(sshsig_cut(&rest).len, 0);
		assert_int_equal(rest.len, strlen(none[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(sshsig_open(word(bad[i]), &raw), -EINVAL);
	for (size_t i = 0; i < ARRAY_LEN(bad_line); i++)
		assert_int_equal(sshsig_key(word(bad_line[i]), &raw), -EINVAL);
	assert_int_equal(raw.len, 0);
	assert_int_equal(sshsig_key(word(ed25519_line), &raw), 0);
	assert_int_equal(sshsig_print((struct slice){(const char *)raw.p, raw.len}, print), 0);
	assert_string_equal(print, ed25519_print);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_signed), cmocka_unit_test(test_every_byte_counts),
	    cmocka_unit_test(test_short_and_long), cmocka_unit_test(test_text)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
