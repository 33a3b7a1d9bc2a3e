# What a pod says by its environment and by mounted files becomes Request Tracker's configuration.
use utf8;

my $line_of = sub {
    my ($path) = @_;
    open my $in, '<', $path or return '';
    my $line = <$in> // '';
    chomp $line;
    return $line;
};
my $entry = $ENV{RT_ENTRY} // '';

# Both stand in every ticket's address and in the subjects of mails: they never change once there are tickets.
Set( $rtname,       $ENV{RT_NAME}         || 'kopnams' );
Set( $Organization, $ENV{RT_ORGANIZATION} || 'kopnams' );

# Without a hostname of its own it answers with the address that the visitor used.
my $url = $ENV{RT_URL} || 'http://localhost:8080';
$url =~ s{/+\z}{};
my ( $scheme, $host, $port ) = $url =~ m{\A(https?)://([^:/]+)(?::([0-9]+))?\z};
Set( $WebPath,                  '' );
Set( $WebBaseURL,               $url );
Set( $WebDomain,                $host // 'localhost' );
Set( $WebPort,                  $port // ( ( $scheme // '' ) eq 'https' ? 443 : 80 ) );
Set( $WebSecureCookies,         ( $scheme // '' ) eq 'https' ? 1 : 0 );
# Behind an ingress the port on which it listens is nobody's address: whoever logs in is led to the address above.
Set( $CanonicalizeRedirectURLs, $ENV{RT_URL} ? 1 : 0 );
Set( $CanonicalizeURLsInFeeds,  $ENV{RT_URL} ? 1 : 0 );

Set( $DatabaseType,     'Pg' );
Set( $DatabaseHost,     $ENV{DB_HOST} || 'database' );
Set( $DatabasePort,     $ENV{DB_PORT} || 5432 );
Set( $DatabaseName,     $ENV{DB_NAME} || 'rt' );
Set( $DatabaseUser,     $ENV{DB_USER} || 'rt' );
Set( $DatabasePassword, $line_of->( $ENV{DB_PASSWORD_FILE} || '/etc/kopnams/database/password' ) );
Set( $DatabaseAdmin,    $ENV{DB_USER} || 'rt' );

Set( $LogToSyslog, undef );
Set( $LogToFile,   undef );
Set( $LogToSTDERR, $ENV{RT_LOG} || 'warning' );
Set( $Timezone,    'Europe/Riga' );
Set( $DateTimeFormat, { Format => 'ISO', Seconds => 0 } );

# Latvian first; a browser that asks for English gets English.
Set( @LexiconLanguages, qw(lv en) );
Set( $MinimumPasswordLength, 10 );
Set( $DisallowExecuteCode,   1 );
Set( $AutoLogoff,            480 );
Set( $HTMLFormatter,         'w3m' );
Set( $MaxAttachmentSize,     10_000_000 );
Set( $OwnerEmail,            $ENV{RT_MAIL_FROM} || 'root' );

# Mail only where there is a relay. Otherwise mails are dropped in silence: a failing mail would look like a failing ticket.
Set( $MailCommand,       'sendmailpipe' );
Set( $CorrespondAddress, $ENV{RT_MAIL_FROM} || 'nobody@localhost' );
Set( $CommentAddress,    $ENV{RT_MAIL_FROM} || 'nobody@localhost' );
Set( $SetOutgoingMailFrom, 1 );
if ( $ENV{RT_MAIL_RELAY} ) {
    Set( $SendmailPath,      '/usr/bin/msmtp' );
    Set( $SendmailArguments, "--file=/dev/null --host=$ENV{RT_MAIL_RELAY} --port=25 --timeout=20 --auto-from=off" );
}
else {
    Set( $SendmailPath,      '/usr/local/bin/rt-no-mail' );
    Set( $SendmailArguments, '' );
}

if ( $entry eq 'pakalpojumu-vadiba' ) {
    Set( $DefaultQueue, 'Pieteikumi' );
    Set(
        %Lifecycles,
        'pieteikums' => {
            initial         => ['jauns'],
            active          => [ 'pieņemts', 'nodots iestādei', 'atbildēts' ],
            inactive        => [ 'slēgts', 'dzēsts' ],
            defaults        => { on_create => 'jauns', approved => 'pieņemts', denied => 'slēgts', reminder_on_open => 'pieņemts', reminder_on_resolve => 'slēgts' },
            transitions     => {
                ''                => [ 'jauns', 'pieņemts' ],
                'jauns'           => [ 'pieņemts', 'slēgts', 'dzēsts' ],
                'pieņemts'        => [ 'nodots iestādei', 'atbildēts', 'slēgts' ],
                'nodots iestādei' => [ 'pieņemts', 'atbildēts', 'slēgts' ],
                'atbildēts'       => [ 'pieņemts', 'slēgts' ],
                'slēgts'          => ['pieņemts'],
                'dzēsts'          => ['jauns'],
            },
            rights  => { '* -> dzēsts' => 'DeleteTicket', '* -> *' => 'ModifyTicket' },
            actions => [
                'jauns -> pieņemts'           => { label => 'Pieņemt' },
                'pieņemts -> nodots iestādei' => { label => 'Nodot iestādei', update => 'Comment' },
                'pieņemts -> atbildēts'       => { label => 'Atbildēt', update => 'Respond' },
                'nodots iestādei -> atbildēts' => { label => 'Atbildēt', update => 'Respond' },
                'atbildēts -> slēgts'         => { label => 'Slēgt' },
            ],
        },
        'konsultācija' => {
            initial     => [],
            active      => ['reģistrēta'],
            inactive    => [ 'slēgta', 'dzēsta' ],
            defaults    => { on_create => 'reģistrēta', approved => 'reģistrēta', denied => 'slēgta', reminder_on_open => 'reģistrēta', reminder_on_resolve => 'slēgta' },
            transitions => {
                ''           => [ 'reģistrēta', 'slēgta' ],
                'reģistrēta' => [ 'slēgta', 'dzēsta' ],
                'slēgta'     => ['reģistrēta'],
                'dzēsta'     => ['reģistrēta'],
            },
            rights  => { '* -> dzēsta' => 'DeleteTicket', '* -> *' => 'ModifyTicket' },
            actions => [ 'reģistrēta -> slēgta' => { label => 'Slēgt' } ],
        },
    );
}

if ( $entry eq 'e-atbalsts' ) {
    Set( $DefaultQueue,                 'E-pakalpojumu atbalsts' );
    Set( $SelfServiceShowArticleSearch, 1 );
    Set( $SelfServiceUserPrefs,         'edit-prefs' );

    # Public holidays: the fixed ones, and Good Friday and Easter Monday of this year and the next two.
    my @holidays = qw(01-01 05-01 05-04 06-23 06-24 11-18 12-24 12-25 12-26 12-31);
    require RT::KopnamsCalendar;
    my $year = ( gmtime() )[5] + 1900;
    push @holidays, map { RT::KopnamsCalendar::easter_holidays($_) } $year - 1 .. $year + 2;
    my %day = ( Start => '8:30', End => '17:00' );
    Set(
        %ServiceBusinessHours,
        'Default' => {
            0        => { Name => 'Sunday', Start => undef, End => undef },
            ( map { $_->[0] => { Name => $_->[1], %day } } [ 1, 'Monday' ], [ 2, 'Tuesday' ], [ 3, 'Wednesday' ], [ 4, 'Thursday' ], [ 5, 'Friday' ] ),
            6        => { Name => 'Saturday', Start => undef, End => undef },
            holidays => \@holidays,
        },
    );
    my ($hours) = ( $ENV{RT_REPLY_HOURS} // '' ) =~ /\A([0-9]{1,2})\z/;
    $hours ||= 8;
    # Whoever is not support staff (the queue's AdminCc) is a client, and a client's message is to be answered in time. While a
    # question is stalled, the client has the next word and no time runs.
    my $within = sub { return { BusinessMinutes => $_[0], IgnoreOnStatuses => ['stalled'] } };
    Set(
        %ServiceAgreements,
        AssumeOutsideActor => 1,
        Default            => 'Parasts',
        Levels             => {
            'Parasts'   => { Response => $within->( $hours * 60 ), KeepInLoop => $within->( $hours * 60 ), Resolve => $within->( $hours * 300 ) },
            'Steidzams' => { Response => $within->(60), KeepInLoop => $within->(60), Resolve => $within->(510) },
        },
    );
}

1;
