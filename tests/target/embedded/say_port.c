/* Who shows the lines of an example. */
#include "say.h"

void board_say(const char *text);

void board_say(const char *text)
{
    say(text);
    say("\n");
}
