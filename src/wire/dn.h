#pragma once

#include "wire/text.h"

/* Adds a DER-encoded Name to an empty text. False where it isn't one; the text then has what came
 * before the fault. */
bool dn_add(struct text *t, struct bytes name);
