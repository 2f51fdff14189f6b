package main

var sessionMutants, deliveryMutants, mapMutants, storeMutants, serverMutants, udpMutants, clientMutants []mutant
