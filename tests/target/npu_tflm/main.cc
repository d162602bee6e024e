// A firmware of others: TensorFlow Lite Micro runs person detection by Arm's driver, and prints the outputs of each image.
// network.h (the file of Vela, and the images) is written by the test.
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include <ethosu_driver.h>

#include "tensorflow/lite/micro/debug_log.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"
#include "network.h"

#define NPU_INTERRUPT 56
extern "C" {
extern uint32_t __StackTop[];
void Reset_Handler(void);
void start(void);
}
static ethosu_driver driver;
static uint8_t arena[128 * 1024] __attribute__((aligned(16)));

static uint32_t host(uint32_t operation, const void* argument) {
  register uint32_t r0 __asm("r0") = operation;
  register const void* r1 __asm("r1") = argument;
  __asm volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}
static void leave(uint32_t status) {
  const uint32_t block[2] = {0x20026, status};
  host(0x20, block);
  for (;;) {
  }
}
static void fault(void) {
  host(4, "fault\n");
  leave(99);
}
static void npu_handler(void) { ethosu_irq_handler(&driver); }
extern "C" void DebugLog(const char* format, va_list args) {
  static char line[256];
  vsnprintf(line, sizeof line, format, args);
  host(4, line);
}
extern "C" int DebugVsnprintf(char* buffer, size_t size, const char* format, va_list args) {
  return vsnprintf(buffer, size, format, args);
}
typedef void (*Entry)(void);
struct Table { const void* stack; Entry entries[15 + NPU_INTERRUPT + 1]; };
#define F2 fault, fault
#define F8 F2, F2, F2, F2
// C++ has no ranges of initialisers: 15 + 56 entries, spelt out.
__attribute__((section(".isr_vector"), used, aligned(512))) static const Table table = {
    __StackTop, {Reset_Handler, F8, F8, F8, F8, F8, F8, F8, F8, F2, F2, F2, npu_handler}};
static_assert(1 + 8 * 8 + 6 == 15 + NPU_INTERRUPT, "the NPU's place");

static int run() {
  *(volatile uint32_t*)(0xE000E100u + 4 * (NPU_INTERRUPT / 32)) = 1u << NPU_INTERRUPT % 32;
  if (ethosu_init(&driver, (void*)0x48102000u, nullptr, 0, 1, 1) != 0) return 1;
  tflite::MicroMutableOpResolver<1> resolver;
  resolver.AddEthosU();
  const tflite::Model* model = tflite::GetModel(network);
  tflite::MicroInterpreter interpreter(model, resolver, arena, sizeof arena);
  if (interpreter.AllocateTensors() != kTfLiteOk) return 2;
  for (unsigned i = 0; i < sizeof images / sizeof images[0]; ++i) {
    TfLiteTensor* input = interpreter.input(0);
    if (input->bytes != sizeof images[0]) return 3;
    memcpy(input->data.int8, images[i], sizeof images[0]);
    if (interpreter.Invoke() != kTfLiteOk) return 4;
    TfLiteTensor* output = interpreter.output(0);
    for (unsigned k = 0; k < output->bytes; ++k) {
      char number[8];
      snprintf(number, sizeof number, "%d ", output->data.int8[k]);
      host(4, number);
    }
    host(4, "\n");
  }
  return 0;
}
void start(void) { leave(run()); }
__attribute__((naked)) void Reset_Handler(void) {
  __asm volatile("ldr r0, =0xE000ED88\n ldr r1, [r0]\n orr r1, r1, #0xF00000\n str r1, [r0]\n dsb\n isb\n b start\n");
}
