/* SPDX-License-Identifier: BSD-2-Clause */
/* exports: event_kinds */
#include "event.h"

const struct event_kind event_kinds[EVENTS] = {
    [EVENT_START] = {"start", "2c15b477e3454d25a9fbcc40ede50d45"},
    [EVENT_CONFIGURATION] = {"configuration", "0b89a60b504441b5a146ada0ca0fca81"},
    [EVENT_SESSION_OPEN] = {"session-open", "013b6a2c73474d809c7e5ab356943577"},
    [EVENT_SESSION_CLOSE] = {"session-close", "04707680f19842a7961e90a0b0c15d56"},
    [EVENT_SESSION_REFUSED] = {"session-refused", "22982490e83842cfa292d2225b64728e"},
    [EVENT_ALARM] = {"alarm", "34a98827aa214c879d4301052aa09a8f"},
    [EVENT_COPIES_LOST] = {"copies-lost", "818a32f21c36417d8fb2e896a70ca10c"},
    [EVENT_UNREACHABLE] = {"destination-unreachable", "8ab45bfcf5454e27bb68201e7c7eeb8b"},
    [EVENT_UNTAPPED] = {"interface-not-tapped", "b91bca35c24c4cdfa91c020643723d2b"},
    [EVENT_TABLES_FULL] = {"tables-nearly-full", "dc22dcca7eb446039fef46e972db296b"},
    [EVENT_DISK_LOW] = {"disk-nearly-full", "e1cff18e5eb04e1e881a337e45c6f432"},
    [EVENT_DISK_FULL] = {"disk-full", "77cd61b551714ce9a80c97a6a732768f"},
    [EVENT_SHORT] = {"out-of-resources", "e0c9100706fe4c78b4d810b8520a6955"},
    [EVENT_SELF_TEST] = {"self-test", "e0ddf90dec8940f6bb49fcb9be3e251c"},
    [EVENT_METRICS] = {"metrics", "059fc498561f420b8f480098c49cc679"},
    [EVENT_KEYS] = {"keys", "90b2db3a0a664c5492f22d44795677ba"},
    [EVENT_DELETED] = {"deleted-not-erased", "accca8b4d1c84e8689d6b3d8eecf5fec"},
    [EVENT_NUMBERS] = {"user-number", "5b8fd9c8e4a1427c9d3a6a90f2d1c7e4"},
    [EVENT_AGENCY_USER] = {"agency-without-user", "c2f8a1d96b0e4f35a7d41e98305cb67a"},
    [EVENT_CLOCK_SET] = {"clock-set", "84651e219c704851896aa4e056aed49b"},
    [EVENT_CLOCK_BEHIND] = {"clock-behind", "3f6ca226ff3144eda62ac3f63f595855"},
};
