/* What the example's sketch asks of a core, in the names of Arduino's. */
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdint.h>

class UartOfBoard
{
  public:
    void begin(unsigned long baud);
    void print(const char *text);
    void println(int number);
    void println(double number, int digits);
};

extern UartOfBoard Serial;

void delay(unsigned long milliseconds);
void setup();
void loop();

#endif
