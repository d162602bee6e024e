# Compiled networks as libraries: what `ocrm55 compile` wrote, with the kernels and libraries that it calls.
#
# The artifact's sources.cmake sets
#   OCRM55_MODEL_SOURCES   files, relative to the artifact; when it does not, everything in src/ belongs to the model
#   OCRM55_MODEL_TASK      what the network is for: a folder of firmware/tasks with what reads its output
#   OCRM55_MODEL_KERNELS   hand-written kernels that it calls: names of firmware/kernels/*/*.c without .c, empty for none;
#                          when it does not, all of them are built and the linker keeps those that are called
#   OCRM55_MODEL_LIBRARIES libraries from elsewhere that it calls: cmsis-nn, see cmake/cmsis_nn.cmake
#   OCRM55_MODEL_NPU       MACs a cycle of the Ethos-U55 that it runs regions on; see cmake/npu.cmake
#   OCRM55_MODEL_ARENA_REGION, ..._WEIGHTS_REGION, ..._HOT_WEIGHTS_REGION,
#   ..._FAR_WEIGHTS_REGION
#                          where the model wants to be, if not where the board's file says

# Adds the library `target` of the network in the folder `artifact`. Networks that are added to one program share the
# kernels, and the placement is the first one's.
function(ocrm55_network target artifact)
  set(OCRM55_MODEL_SOURCES "")
  set(OCRM55_MODEL_TASK recognizer)
  unset(OCRM55_MODEL_KERNELS)
  set(OCRM55_MODEL_LIBRARIES "")
  set(wanted_npu "${OCRM55_MODEL_NPU}")
  set(OCRM55_MODEL_NPU "")
  foreach(what ARENA WEIGHTS HOT_WEIGHTS FAR_WEIGHTS)
    set(first_${what} "${OCRM55_MODEL_${what}_REGION}")
  endforeach()
  include("${artifact}/sources.cmake" OPTIONAL)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${artifact}/sources.cmake")
  foreach(what ARENA WEIGHTS HOT_WEIGHTS FAR_WEIGHTS)
    if(first_${what})
      set(OCRM55_MODEL_${what}_REGION "${first_${what}}")
    endif()
    set(OCRM55_MODEL_${what}_REGION "${OCRM55_MODEL_${what}_REGION}" PARENT_SCOPE)
  endforeach()

  if(OCRM55_MODEL_SOURCES)
    list(TRANSFORM OCRM55_MODEL_SOURCES PREPEND "${artifact}/" REGEX "^[^/]")
  else()
    file(GLOB OCRM55_MODEL_SOURCES CONFIGURE_DEPENDS "${artifact}/src/*.c" "${artifact}/src/*.S")
  endif()
  add_library(${target} STATIC ${OCRM55_MODEL_SOURCES})
  target_include_directories(${target} PUBLIC "${artifact}/include" PRIVATE "${artifact}/src")
  target_compile_options(${target} PRIVATE ${OCRM55_WARNINGS} $<$<COMPILE_LANGUAGE:C>:${OCRM55_KERNEL_OPTIMISATION}>)
  target_include_directories(${target} PUBLIC "${OCRM55_ROOT}/firmware/include")
  if(OCRM55_MODEL_TASK)
    ocrm55_task("${OCRM55_MODEL_TASK}")
    target_link_libraries(${target} PUBLIC "ocrm55_${OCRM55_MODEL_TASK}")
  endif()

  if(DEFINED OCRM55_MODEL_KERNELS)
    ocrm55_kernel_files(kernel_sources "${OCRM55_MODEL_KERNELS}")
  else()
    file(GLOB kernel_sources CONFIGURE_DEPENDS "${OCRM55_ROOT}/firmware/kernels/*/*.c")
  endif()
  if(kernel_sources)
    ocrm55_kernels("${kernel_sources}")
    target_link_libraries(${target} PUBLIC ocrm55_kernels)
  endif()
  if("cmsis-nn" IN_LIST OCRM55_MODEL_LIBRARIES)
    include(cmsis_nn)
    if(NOT TARGET ocrm55_cmsis_nn)
      ocrm55_cmsis_nn()
    endif()
    target_link_libraries(${target} PUBLIC ocrm55_cmsis_nn)
  endif()
  if(OCRM55_MODEL_NPU)
    include(npu)
    if(NOT TARGET ocrm55_npu)
      ocrm55_npu("${OCRM55_MODEL_NPU}")
    endif()
    target_link_libraries(${target} PUBLIC ocrm55_npu)
    set(OCRM55_MODEL_NPU "${OCRM55_MODEL_NPU}" PARENT_SCOPE)
  else()
    set(OCRM55_MODEL_NPU "${wanted_npu}" PARENT_SCOPE)
  endif()
endfunction()

# The library ocrm55_NAME of firmware/tasks/NAME: how a network's output is read.
function(ocrm55_task name)
  if(TARGET ocrm55_${name})
    return()
  endif()
  set(folder "${OCRM55_ROOT}/firmware/tasks/${name}")
  file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.c")
  add_library(ocrm55_${name} STATIC ${sources})
  target_include_directories(ocrm55_${name} PUBLIC "${folder}" "${OCRM55_ROOT}/firmware/include")
  # The score that is printed must be the host's to the last digit: no fused multiply-add, nothing reordered.
  target_compile_options(ocrm55_${name} PRIVATE ${OCRM55_WARNINGS} -O2 -ffp-contract=off)
endfunction()

# Writes the header `output` that tells the program for pages the name of the detector in the folder `artifact`.
function(ocrm55_page_networks output artifact)
  file(READ "${artifact}/metadata.json" metadata)
  string(JSON detector GET "${metadata}" prefix)
  string(TOUPPER "${detector}" DETECTOR)
  foreach(name pixel box unclip candidates)
    string(JSON ${name} GET "${metadata}" thresholds ${name})
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${artifact}/metadata.json")
  configure_file("${OCRM55_ROOT}/firmware/page/page_networks.h.in" "${output}" @ONLY)
endfunction()

# Sets `files` to the C files of these kernels. Each lies in the folder of its family.
function(ocrm55_kernel_files files names)
  set(found "")
  foreach(name IN LISTS names)
    file(GLOB path "${OCRM55_ROOT}/firmware/kernels/*/${name}.c")
    if(NOT path)
      message(FATAL_ERROR "there is no kernel ${name}: no firmware/kernels/*/${name}.c.")
    endif()
    list(APPEND found "${path}")
  endforeach()
  set(${files} "${found}" PARENT_SCOPE)
endfunction()

# The library ocrm55_kernels, with these files beside those that are in it already.
function(ocrm55_kernels sources)
  if(NOT TARGET ocrm55_kernels)
    add_library(ocrm55_kernels STATIC)
    target_include_directories(ocrm55_kernels PUBLIC "${OCRM55_ROOT}/firmware/kernels")
    target_compile_options(ocrm55_kernels PRIVATE ${OCRM55_WARNINGS} ${OCRM55_KERNEL_OPTIMISATION})
    target_link_libraries(ocrm55_kernels PUBLIC m)
  endif()
  get_target_property(there ocrm55_kernels SOURCES)
  foreach(source IN LISTS sources)
    if(NOT source IN_LIST there)
      target_sources(ocrm55_kernels PRIVATE "${source}")
    endif()
  endforeach()
endfunction()
