#include "conf-locate/shell.hpp"

int main(int argc, char** argv) { return confab::app::run(argc, argv, confab::locate::program()); }
