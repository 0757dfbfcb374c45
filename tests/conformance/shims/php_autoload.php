<?php

// In place of Composer's: the client, its tests, and the part of phpseclib that they need.

spl_autoload_register(function (string $class): void {
    $places = [
        'PhpAmqpLib\\Tests\\' => 'tests/',
        'PhpAmqpLib\\' => 'PhpAmqpLib/',
        'phpseclib3\\' => '/usr/share/php/phpseclib3/',
        'phpseclib\\' => '/usr/share/php/phpseclib/',
    ];
    foreach ($places as $prefix => $folder) {
        if (str_starts_with($class, $prefix)) {
            $file = $folder . str_replace('\\', '/', substr($class, strlen($prefix))) . '.php';
            if (is_file($file)) {
                require_once $file;
            }
            return;
        }
    }
});
