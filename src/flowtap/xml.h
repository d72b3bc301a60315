/* SPDX-License-Identifier: BSD-2-Clause */
/* xml.h - JSON as XML: `| display xml'.  Pure.
 *
 * An object is its members as elements, an array an element for each of its values.  Keys that can be no name of an
 * element ("@inactive", digits first) are <element name="...">; control characters are U+FFFD. */
#ifndef FLOWTAP_XML_H
#define FLOWTAP_XML_H

#include <jansson.h>

#include "buf.h"

void xml_put(const json_t *o, struct buf *out); /* in <rpc-reply> */

#endif
