# Voice prompts, spoken at build time and never stored in the tree: 8 kHz mono 16-bit WAV, one for each file of prompts/<language>/*.txt.
find_program(ESPEAK_NG espeak-ng REQUIRED)
find_program(SOX sox REQUIRED)
set(prompt_outputs)
foreach(language en)
  file(GLOB prompt_texts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/prompts/${language}/*.txt)
  foreach(text ${prompt_texts})
    get_filename_component(prompt_name ${text} NAME_WE)
    set(wav ${CMAKE_BINARY_DIR}/share/confab/prompts/${language}/${prompt_name}.wav)
    add_custom_command(
      OUTPUT ${wav}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/share/confab/prompts/${language}
      COMMAND ${ESPEAK_NG} -v ${language} -s 150 -w ${wav}.spoken.wav -f ${text}
      COMMAND ${SOX} -D ${wav}.spoken.wav -r 8000 -c 1 -b 16 -e signed-integer ${wav} norm -6 pad 0.2 0.2
      COMMAND ${CMAKE_COMMAND} -E rm ${wav}.spoken.wav
      DEPENDS ${text}
      VERBATIM)
    list(APPEND prompt_outputs ${wav})
  endforeach()
endforeach()
add_custom_target(prompts ALL DEPENDS ${prompt_outputs})
install(DIRECTORY ${CMAKE_BINARY_DIR}/share/confab/prompts DESTINATION share/confab)
